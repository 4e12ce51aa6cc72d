import Foundation
import SoukIDs
import SoukText

/// Names for URLs: lower-case ASCII letters, digits and single hyphens.
enum Slug {
    static let maximumLength = 60

    /// The slug that a name suggests, at most ``maximumLength`` characters; `fallback` when the name has no letter
    /// that can be spelled in ASCII.
    static func suggested(by name: String, fallback: String) -> String {
        var slug = ""
        for scalar in name.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            if ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) {
                slug.unicodeScalars.append(scalar)
            } else if !scalar.properties.isDiacritic, !(0x300...0x36f).contains(scalar.value),
                !slug.isEmpty, !slug.hasSuffix(bytes: "-")
            {
                slug.append("-")
            }
            if slug.count == maximumLength { break }
        }
        while slug.hasSuffix(bytes: "-") { slug.removeLast() }
        return slug.isEmpty ? fallback : slug
    }

    /// The same slug with a random ending, for when the plain one is taken.
    static func varied(_ slug: String) -> String {
        let ending = String(
            decoding: RandomToken.make(bytes: 8).lowercasedASCII().utf8.filter {
                $0.isASCIILetter || $0.isASCIIDigit
            }
            .prefix(6), as: UTF8.self)
        var stem = slug.prefix(maximumLength - 7)
        while stem.hasSuffix(bytes: "-") { stem.removeLast() }
        return "\(stem)-\(ending)"
    }
}
