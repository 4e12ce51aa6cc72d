import GRPCNIOTransportHTTP2Posix

/// Files for mutual TLS: both sides show a certificate of one authority.
package struct RPCTLS: Sendable, Hashable {
    /// The process's own certificate and what leads to the authority, PEM.
    package var certificateFile: String
    /// Its private key, PEM.
    package var keyFile: String
    /// The authority that peers' certificates must come from, PEM. No other is trusted.
    package var authorityFile: String

    package init(certificateFile: String, keyFile: String, authorityFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.authorityFile = authorityFile
    }

    /// Clients without a certificate of the authority are refused in the handshake.
    var server: HTTP2ServerTransport.Posix.TransportSecurity {
        .mTLS(
            certificateChain: [.file(path: certificateFile, format: .pem)],
            privateKey: .file(path: keyFile, format: .pem)
        ) {
            $0.trustRoots = .certificates([.file(path: authorityFile, format: .pem)])
            $0.clientCertificateVerification = .noHostnameVerification
            $0.requireALPN = true
        }
    }

    /// The server's certificate must come from the authority and name the host that was asked for.
    var client: HTTP2ClientTransport.Posix.TransportSecurity {
        .mTLS(
            certificateChain: [.file(path: certificateFile, format: .pem)],
            privateKey: .file(path: keyFile, format: .pem)
        ) {
            $0.trustRoots = .certificates([.file(path: authorityFile, format: .pem)])
            $0.serverCertificateVerification = .fullVerification
        }
    }
}
