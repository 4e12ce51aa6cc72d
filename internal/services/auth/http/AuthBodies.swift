import SoukAPI

/// `POST /api/v1/auth/register`.
struct RegisterBody: RequestBody {
    let email: String
    let password: String
    let name: String

    init(_ fields: FieldReader) {
        // The form of the address is checked once it is normalised.
        email = fields.string("email", length: 3...254)
        // How long it must be is the policy's.
        password = fields.string("password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
        name = fields.string("name", length: UserRules.name, text: .line)
    }
}

/// `POST /api/v1/auth/login`.
struct LoginBody: RequestBody {
    let email: String
    let password: String
    let deviceToken: String?

    init(_ fields: FieldReader) {
        email = fields.string("email", length: 1...254)
        password = fields.string("password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
        deviceToken = fields.optionalString("device_token", length: 1...512)
    }
}

/// `POST /api/v1/auth/refresh` and `/logout`.
struct RefreshBody: RequestBody {
    let refreshToken: String

    init(_ fields: FieldReader) {
        refreshToken = fields.string("refresh_token", length: 1...512)
    }
}

/// `PATCH /api/v1/users/me`.
struct ProfileBody: RequestBody {
    let change: Profiles.Change

    init(_ fields: FieldReader) {
        let name = fields.optionalString("name", length: UserRules.name, text: .line)
        let new = fields.optionalString("password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
        let current = fields.optionalString(
            "current_password", length: 1...PasswordPolicy.maxBytes, text: .opaque)
        var password: Profiles.NewPassword?
        if let new {
            if let current {
                password = Profiles.NewPassword(current: current, new: new)
            } else {
                fields.fail("current_password", code: "required", "A new password needs the current one.")
            }
        }
        change = Profiles.Change(name: name, password: password)
    }
}

/// `PATCH /api/v1/admin/users/{id}`.
struct UserStateBody: RequestBody {
    let active: Bool

    init(_ fields: FieldReader) {
        active = fields.bool("active")
    }
}

enum UserRules {
    static let name = 1...100
}
