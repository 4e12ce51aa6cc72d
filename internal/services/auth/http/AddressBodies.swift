import SoukAPI

/// `POST /api/v1/auth/email/verify`.
struct MailTokenBody: RequestBody {
    let token: String

    init(_ fields: FieldReader) {
        token = fields.string("token", length: 1...512)
    }
}

/// `POST /api/v1/auth/email/change`.
struct AddressBody: RequestBody {
    let email: String
    let currentPassword: String

    init(_ fields: FieldReader) {
        // The form of the address is checked once it is normalised.
        email = fields.string("email", length: 3...254)
        currentPassword = fields.string(
            "current_password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
    }
}

/// `POST /api/v1/auth/password/forgot`.
struct ForgotBody: RequestBody {
    let email: String

    init(_ fields: FieldReader) {
        email = fields.string("email", length: 3...254)
    }
}

/// `POST /api/v1/auth/password/reset`.
struct ResetBody: RequestBody {
    let token: String
    let password: String

    init(_ fields: FieldReader) {
        token = fields.string("token", length: 1...512)
        password = fields.string("password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
    }
}
