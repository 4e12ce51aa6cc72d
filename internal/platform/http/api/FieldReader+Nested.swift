extension FieldReader {
    /// A required nested object; `nil` when absent or no object. Errors inside it are recorded with their full path.
    package func object<B: RequestBody>(_ name: String, as type: B.Type = B.self) -> B? {
        required(name, optionalObject(name, as: type))
    }

    /// A nested object; `nil` when absent or no object.
    package func optionalObject<B: RequestBody>(_ name: String, as type: B.Type = B.self) -> B? {
        readObject(name) { B($0) }
    }

    /// A required list of objects; empty when refused.
    package func array<B: RequestBody>(_ name: String, count: ClosedRange<Int>, of type: B.Type = B.self)
        -> [B]
    {
        required(name, optionalArray(name, count: count, of: type)) ?? []
    }

    /// A list of objects; `nil` when absent or refused.
    package func optionalArray<B: RequestBody>(
        _ name: String, count: ClosedRange<Int>, of type: B.Type = B.self
    ) -> [B]? {
        readElements(name, count: count) { decoder, element in
            guard let container = try? decoder.container(keyedBy: AnyKey.self) else {
                wrongType(element, expected: "an object")
                return nil
            }
            return readObject(container, path: pathOf(element)) { B($0) }
        }
    }

    /// A required list of strings of `each` characters; empty when refused.
    package func strings(
        _ name: String, count: ClosedRange<Int>, each: ClosedRange<Int> = 1...255, text: Text = .paragraphs
    ) -> [String] {
        required(name, optionalStrings(name, count: count, each: each, text: text)) ?? []
    }

    /// A list of strings of `each` characters; `nil` when absent or refused.
    package func optionalStrings(
        _ name: String, count: ClosedRange<Int>, each: ClosedRange<Int> = 1...255, text: Text = .paragraphs
    ) -> [String]? {
        readElements(name, count: count) { decoder, element in
            guard let value = try? decoder.singleValueContainer().decode(String.self) else {
                wrongType(element, expected: "a string")
                return nil
            }
            return checked(value, element, length: each, text: text)
        }
    }

    /// An object whose members are all strings, as attributes are; empty when absent or refused.
    package func stringMap(
        _ name: String, maxCount: Int = 50, keys: ClosedRange<Int> = 1...64,
        values: ClosedRange<Int> = 0...255
    ) -> [String: String] {
        optionalStringMap(name, maxCount: maxCount, keys: keys, values: values) ?? [:]
    }

    /// An object whose members are all strings; `nil` when absent or refused.
    package func optionalStringMap(
        _ name: String, maxCount: Int = 50, keys: ClosedRange<Int> = 1...64,
        values: ClosedRange<Int> = 0...255
    ) -> [String: String]? {
        guard isPresent(name) else { return nil }
        guard let members = try? container.nestedContainer(keyedBy: AnyKey.self, forKey: AnyKey(name)) else {
            wrongType(name, expected: "an object")
            return nil
        }
        guard members.allKeys.count <= maxCount else {
            fail(name, code: "count", "The object must have at most \(maxCount) members.")
            return nil
        }
        var map: [String: String] = [:]
        for key in members.allKeys {
            let field = "\(name).\(key.stringValue.prefix(64))"
            guard checked(key.stringValue, field, length: keys, text: .line) != nil else { continue }
            guard let value = try? members.decode(String.self, forKey: key) else {
                wrongType(field, expected: "a string")
                continue
            }
            map[key.stringValue] = checked(value, field, length: values, text: .line)
        }
        return map
    }

    /// Reads a nested object with `body`; `nil` when it is absent or no object.
    func readObject<T>(_ name: String, _ body: (FieldReader) -> T?) -> T? {
        guard isPresent(name) else { return nil }
        guard let members = try? container.nestedContainer(keyedBy: AnyKey.self, forKey: AnyKey(name)) else {
            wrongType(name, expected: "an object")
            return nil
        }
        return readObject(members, path: pathOf(name), body)
    }

    private func readObject<T>(
        _ members: KeyedDecodingContainer<AnyKey>, path: String, _ body: (FieldReader) -> T?
    ) -> T? {
        let reader = FieldReader(container: members, path: path, problems: problems)
        let value = body(reader)
        reader.reportUnknownFields()
        return value
    }

    private func readElements<T>(
        _ name: String, count: ClosedRange<Int>, _ body: (any Decoder, String) -> T?
    ) -> [T]? {
        guard isPresent(name) else { return nil }
        guard var elements = try? container.nestedUnkeyedContainer(forKey: AnyKey(name)) else {
            wrongType(name, expected: "an array")
            return nil
        }
        let actual = elements.count ?? 0
        guard count.contains(actual) else {
            fail(name, code: "count", "The array must have \(Self.phrase(count)) elements.")
            return nil
        }
        var values: [T] = []
        values.reserveCapacity(actual)
        for index in 0..<actual {
            guard let decoder = try? elements.superDecoder() else {
                wrongType("\(name)[\(index)]", expected: "a value")
                break
            }
            if let value = body(decoder, "\(name)[\(index)]") { values.append(value) }
        }
        return values
    }
}
