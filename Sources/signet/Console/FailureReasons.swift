import Accounts
import ArgumentParser
import AuthorizationServer
import JOSE
import Storage

extension Failure {
    /// What a command threw, as a sentence and an exit code; `nil` for what the argument parser prints itself.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let error as ConfigurationError:
            self = error.failure
        case let error as RegistrationError:
            switch error {
            case .unsound(let faults): self.init(.data, faults)
            case .taken(let sentence): self.init(.data, sentence)
            case .unknown(let sentence): self.init(.notOnRecord, sentence)
            }
        case StoreError.unavailable(let reason):
            self.init(.unavailable, "the store cannot answer now (\(reason)): please try again")
        case StoreError.corrupt(let reason):
            self.init(.data, "what is stored cannot be understood (\(reason)): restore the data folder from a backup")
        case let error as AccountsError:
            self.init(accounts: error)
        case let error as OAuthError:
            self.init(.internalFault, error.detail.isEmpty ? error.description : error.detail)
        case let error as JOSEError:
            self.init(.data, "\(error.reason)")
        default:
            return nil
        }
    }

    private init(accounts error: AccountsError) {
        if let cause = error.cause, let failure = Failure(cause) {
            self = failure
            return
        }
        let status: ExitStatus =
            switch error.code {
            case .personUnknown: .notOnRecord
            case .busy, .contended: .unavailable
            case .hashing: .internalFault
            default: .data
            }
        self.init(status, error.description)
    }
}
