@testable import JOSE

extension VerificationKey {
    /// Whether the signature is this key's, below all that a JWS says in its header.
    func accepts(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        accepts(signature[...], for: message[...])
    }

    /// The same for bytes that lie among others.
    func accepts(_ signature: ArraySlice<UInt8>, for message: ArraySlice<UInt8>) -> Bool {
        isValid(signature.span, for: message.span)
    }
}
