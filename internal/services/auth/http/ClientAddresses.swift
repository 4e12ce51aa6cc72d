import SoukHTTP

/// Turns the text of a request's address into what throttles count.
struct ClientAddresses: Sendable {
    let exempt: [AddressRange]

    func client(_ text: String) -> ClientAddress {
        let isExempt = IPAddress(text).map { address in exempt.contains { $0.contains(address) } } ?? false
        return ClientAddress(text, throttleSubject: IPAddress.clientNetwork(of: text), isExempt: isExempt)
    }
}
