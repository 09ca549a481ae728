internal import SwiftASN1

/// One of the DER structures that hold a key, told apart by the types of its first fields.
enum KeyStructure {
    case publicKey(SubjectPublicKeyInfo)
    case privateKey(PrivateKeyInfo)
    case rsaPublicKey(RSAPublicKeyStructure)
    case rsaPrivateKey(RSAPrivateKeyStructure)
    case ecPrivateKey(ECPrivateKeyStructure)

    /// What a PEM block of the structure is called (RFC 7468 §4, and the names that OpenSSL gave the older ones).
    enum Label: String, CustomStringConvertible {
        case publicKey = "PUBLIC KEY"
        case privateKey = "PRIVATE KEY"
        case rsaPublicKey = "RSA PUBLIC KEY"
        case rsaPrivateKey = "RSA PRIVATE KEY"
        case ecPrivateKey = "EC PRIVATE KEY"

        var description: String { rawValue }

        /// The label of this name, or a refusal that says what to do with the file.
        init(named name: String) throws(JOSEError) {
            if let label = Label(rawValue: name), isSameText(label.rawValue, name) {
                self = label
                return
            }
            switch name {
            case "ENCRYPTED PRIVATE KEY": throw KeyStructure.encrypted
            case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE": throw KeyStructure.certificate
            case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
                throw JOSEError(
                    .keyUnsupported,
                    reason: "a certificate request, not a key; take its key: openssl req -in FILE -pubkey -noout"
                )
            case "OPENSSH PRIVATE KEY":
                throw JOSEError(
                    .keyUnsupported,
                    reason: "a key in OpenSSH's own format; RSA and EC keys are converted in place by "
                        + "ssh-keygen -p -m PKCS8 -f FILE"
                )
            default:
                throw JOSEError(
                    .keyUnsupported,
                    reason: "PEM: expected PUBLIC KEY, PRIVATE KEY, RSA PUBLIC KEY, RSA PRIVATE KEY or EC PRIVATE KEY, "
                        + "got \(quoted(name))"
                )
            }
        }
    }

    static let encrypted = JOSEError(
        .keyUnsupported,
        reason: "the private key is encrypted; decrypt it first: openssl pkey -in FILE -out PLAINFILE"
    )
    static let certificate = JOSEError(
        .keyUnsupported,
        reason: "a certificate, not a key; take its key: openssl x509 -in FILE -pubkey -noout"
    )

    /// Reads DER to its last byte.
    init(der: [UInt8]) throws(JOSEError) {
        guard der.count <= JWK.maximumDERBytes else {
            throw JOSEError(.tooLarge, reason: "DER: \(der.count) bytes, the limit is \(JWK.maximumDERBytes)")
        }
        self = try asn1("the key") {
            let root = try DER.parse(der)
            guard root.identifier == .sequence, case .constructed(let fields) = root.content else {
                throw ASN1Error.unexpectedFieldType(root.identifier)
            }
            let kinds = fields.map(\.identifier)
            switch (kinds.first, kinds.dropFirst().first) {
            case (.sequence, .bitString) where kinds.count == 2:
                return .publicKey(try SubjectPublicKeyInfo(derEncoded: root))
            case (.integer, .sequence):
                return .privateKey(try PrivateKeyInfo(derEncoded: root))
            case (.integer, .integer) where kinds.count == 2:
                return .rsaPublicKey(try RSAPublicKeyStructure(derEncoded: root))
            case (.integer, .integer):
                return .rsaPrivateKey(try RSAPrivateKeyStructure(derEncoded: root))
            case (.integer, .octetString):
                return .ecPrivateKey(try ECPrivateKeyStructure(derEncoded: root))
            case (.sequence, .octetString) where kinds.count == 2: throw Self.encrypted
            case (.sequence, .sequence) where kinds.count == 3: throw Self.certificate
            default: throw JOSEError(.malformed, reason: "DER: none of the structures that hold a key")
            }
        }
    }

    var label: Label {
        switch self {
        case .publicKey: .publicKey
        case .privateKey: .privateKey
        case .rsaPublicKey: .rsaPublicKey
        case .rsaPrivateKey: .rsaPrivateKey
        case .ecPrivateKey: .ecPrivateKey
        }
    }
}

/// Runs what reads or writes DER, and turns what swift-asn1 throws into a refusal that names `what`.
func asn1<Value>(_ what: String, _ body: () throws -> Value) throws(JOSEError) -> Value {
    do {
        return try body()
    } catch let error as JOSEError {
        throw error
    } catch let error as ASN1Error {
        let words =
            switch error.code {
            case .unexpectedFieldType: "a field of another type than expected"
            case .invalidASN1IntegerEncoding: "a number that is not positive, or not in its shortest form"
            case .truncatedASN1Field: "the bytes end too early"
            case .unsupportedFieldLength: "a length that is not in its shortest form, or not definite"
            default: "a field too many, or damaged"
            }
        throw JOSEError(.malformed, reason: "DER: \(words), in \(what)")
    } catch {
        throw JOSEError(.malformed, reason: "DER: \(what) cannot be read")
    }
}
