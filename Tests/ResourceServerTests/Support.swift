import IssuerConnection
import JOSE
import Logging
import ResourceServerTesting
import RevocationFeed
import Synchronization
import Testing

@testable import ResourceServer

/// The refusal of a request that must be refused.
func refusal(
    of result: Result<AccessToken, TokenRefusal>,
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> TokenRefusal {
    guard case .failure(let refusal) = result else {
        Issue.record("expected a refusal", sourceLocation: sourceLocation)
        throw TokenRefusal(.tokenMissing)
    }
    return refusal
}

/// The code of the refusal that `body` throws; nil if it throws none.
func code(_ body: () throws(TokenRefusal) -> AccessToken) -> TokenRefusal.Code? {
    do throws(TokenRefusal) {
        _ = try body()
        return nil
    } catch {
        return error.code
    }
}

extension TokenVerifier {
    /// Fetches the keys as a running verifier does when their time has come.
    func refreshKeys() async { await refreshKeysIfDue() }

    /// The code with which `token` is refused, the issuer asked where needed; nil if it passes.
    func code(_ token: String, for policy: RoutePolicy = .anyToken) async -> TokenRefusal.Code? {
        switch await authorize(authorization: "Bearer \(token)", for: policy) {
        case .success: nil
        case .failure(let refusal): refusal.code
        }
    }
}
