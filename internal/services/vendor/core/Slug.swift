import Foundation
import SoukIDs

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
                !slug.isEmpty, slug.last != "-"
            {
                slug.append("-")
            }
            if slug.count == maximumLength { break }
        }
        while slug.last == "-" { slug.removeLast() }
        return slug.isEmpty ? fallback : slug
    }

    /// The same slug with a random ending, for when the plain one is taken.
    static func varied(_ slug: String) -> String {
        let ending = RandomToken.make(bytes: 8).lowercased().filter { $0.isLetter || $0.isNumber }.prefix(6)
        var stem = slug.prefix(maximumLength - 7)
        while stem.last == "-" { stem.removeLast() }
        return "\(stem)-\(ending)"
    }
}
