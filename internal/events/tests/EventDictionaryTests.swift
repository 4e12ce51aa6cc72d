import Foundation
import SoukCloudEvents
import Testing

@testable import SoukEvents

@Suite struct EventDictionaryTests {
    @Test func typesAreUniqueVersionedAndOfAKnownTopic() {
        let types = EventDictionary.all.map { $0.type }
        #expect(Set(types).count == types.count)
        for event in EventDictionary.all {
            #expect(event.type.wholeMatch(of: /[a-z_]+\.[a-z_]+\.v[1-9]/) != nil, "\(event.type)")
            #expect(Topic(rawValue: event.topic) != nil)
        }
        #expect(Set(EventDictionary.all.map { $0.topic }) == Set(Topic.allCases.map(\.rawValue)))
    }

    @Test func everyEventHasAnExampleThatSurvivesTheWire() throws {
        let examples = try EventExamples.all()
        #expect(examples.map { type(of: $0).type } == EventDictionary.all.map { $0.type })
        for example in examples { try roundTrip(example) }
    }

    private func roundTrip<E: Event>(_ event: E) throws {
        let data = try EventEnvelope.encoder.encode(event)
        let back = try EventEnvelope.decoder.decode(E.self, from: data)
        #expect(try fields(back) == fields(event))
        #expect(back.key == event.key && !event.key.isEmpty)
    }

    /// `docs/events.md` has a section `### type` for each event, with its topic and a row for each field; no more, no less.
    @Test func theDocumentSaysWhatTheDictionarySays() throws {
        let documented = try DocumentedEvent.read()
        #expect(documented.map(\.type) == EventDictionary.all.map { $0.type })
        for (section, event) in zip(documented, EventDictionary.all) {
            #expect(section.topic == event.topic, "\(section.type)")
        }
        for (section, example) in zip(documented, try EventExamples.all()) {
            #expect(section.fields == Set(try fields(example).keys), "\(section.type)")
        }
    }

    private func fields(_ event: some Event) throws -> [String: NSObject] {
        let data = try EventEnvelope.encoder.encode(event)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: NSObject])
    }
}

/// A section of `docs/events.md`.
private struct DocumentedEvent {
    let type: String
    var topic = ""
    var fields: Set<String> = []

    static func read() throws -> [DocumentedEvent] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/events.md"), encoding: .utf8)
        var events: [DocumentedEvent] = []
        for line in text.split(separator: "\n") {
            if let match = line.wholeMatch(of: /### `(.+)`/) {
                events.append(DocumentedEvent(type: String(match.1)))
            } else if let last = events.indices.last {
                if let match = line.prefixMatch(of: /Topic `([a-z-]+)`/) {
                    events[last].topic = String(match.1)
                }
                if let match = line.prefixMatch(of: /\| `([a-z0-9_]+)` \|/) {
                    events[last].fields.insert(String(match.1))
                }
            }
        }
        return events
    }
}
