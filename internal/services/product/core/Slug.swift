import Foundation
import SoukText

/// The readable part of an address: lower-case letters, digits and single hyphens.
enum Slug {
    static let maxLength = 64

    /// A slug out of a name: accents dropped, everything else that is no ASCII letter or digit becomes a hyphen.
    ///
    /// - Parameter fallback: What a name without any such character becomes.
    static func make(from name: String, fallback: String) -> String {
        var slug = ""
        for scalar in name.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            switch scalar {
            // check-text: scalars, as the switch says
            case "a"..."z", "0"..."9":
                slug.unicodeScalars.append(scalar)
            case "ß":
                slug += "ss"
            case "'", "’":
                // "men's" reads better as "mens".
                continue
            case _ where scalar.properties.generalCategory == .nonspacingMark:
                continue
            default:
                if !slug.isEmpty, !slug.hasSuffix(bytes: "-") { slug += "-" }
            }
        }
        slug = trimmed(String(slug.prefix(maxLength)))
        return slug.isEmpty ? fallback : slug
    }

    /// The slug with a number, or the like, behind it, cut so that it fits.
    static func numbered(_ slug: String, _ suffix: String) -> String {
        trimmed(String(slug.prefix(maxLength - suffix.count - 1))) + "-" + suffix
    }

    private static func trimmed(_ slug: String) -> String {
        var slug = slug
        while slug.hasSuffix(bytes: "-") { slug.removeLast() }
        return slug
    }
}
