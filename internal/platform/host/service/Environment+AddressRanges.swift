package import SoukEnv
package import SoukHTTP

extension Environment {
    /// Addresses and CIDR ranges such as `127.0.0.0/8,::1`; empty when it is not set.
    ///
    /// - Throws: `ConfigurationError` quoting the first that is neither.
    package func addressRanges(_ name: String) throws(ConfigurationError) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for text in try list(name) {
            guard let range = AddressRange(text) else {
                throw ConfigurationError(name, "'\(text)' is no IP address nor a range such as 10.0.0.0/8")
            }
            ranges.append(range)
        }
        return ranges
    }
}
