/// Makes RSA signatures with one private key and one algorithm in place of swift-crypto, for whoever has something
/// faster: another library, or a device that holds keys.
///
/// Nobody has to trust it with what is sent: each signature is verified by swift-crypto first.
public protocol RSASigner: Sendable {
    /// The signature over `message` (RFC 8017 §8.1.1, §8.2.1), as long as the modulus.
    ///
    /// Called from many threads at once. Where it throws, swift-crypto signs instead.
    func signature(for message: Span<UInt8>) throws -> [UInt8]

    /// Says that a signature which this signer made does not verify: wrong code, or a fault of the machine.
    ///
    /// The signature has been thrown away, because one that was computed wrongly can give the private key away, and
    /// swift-crypto signs instead. The signer had better not make any more.
    func signatureWasInvalid()
}

/// Makes signers.
public protocol RSASignerProvider: Sendable {
    /// A signer for a private key.
    ///
    /// - Parameters:
    ///   - algorithm: RS256, RS384, RS512, PS256, PS384 or PS512.
    ///   - privateKey: an RSAPrivateKey (RFC 8017 §A.1.2) in DER, gone when this returns.
    func signer(for algorithm: SignatureAlgorithm, privateKey: Span<UInt8>) throws -> any RSASigner
}

extension SigningKey {
    /// The same key, with its signatures made by a signer of `provider` and verified by swift-crypto.
    ///
    /// A key of another type than RSA comes back as it is.
    ///
    /// - Throws: what the provider throws.
    public func signing(through provider: some RSASignerProvider) throws -> SigningKey {
        guard case .rsa(let key) = material else { return self }
        var copy = self
        copy.material = .rsa(try key.signing(as: algorithm, through: provider))
        return copy
    }
}

extension RSAPrivateKey {
    /// What a signer makes of `message`, if it makes anything and that is right.
    ///
    /// A signature with one wrong half of the Chinese remainder gives the factors of the modulus to whoever sees it:
    /// Boneh, DeMillo and Lipton, "On the Importance of Checking Cryptographic Protocols for Faults" (1997).
    func signature(by signer: any RSASigner, for message: Span<UInt8>) -> [UInt8]? {
        guard let signature = try? signer.signature(for: message) else { return nil }
        guard publicKey.isValid(signature.span, for: message) else {
            signer.signatureWasInvalid()
            return nil
        }
        return signature
    }
}
