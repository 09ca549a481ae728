import AuthorizationServer
import Instants
import OAuthVocabulary
import Pages

extension ScreenRenderer {
    func deviceCode(_ screen: DeviceCodeScreen, _ now: Instant) async throws(OAuthError) -> DeviceCodePage {
        let problem: DeviceCodeProblem? = screen.problem.map { problem in
            switch problem {
            case .unknownCode: .unknownCode
            case .throttled(let wait): .throttled(retryAfterSeconds: Int(wait.roundedUpSeconds))
            }
        }
        return DeviceCodePage(
            personName: try await person(screen.subject, now)?.displayName ?? screen.subject.value,
            typed: screen.typed,
            problem: problem,
            action: basePath + "/device",
            csrfToken: screen.formToken
        )
    }

    func deviceConsent(_ screen: DeviceConsentScreen, _ now: Instant) async throws(OAuthError) -> DeviceConsentPage {
        DeviceConsentPage(
            applicationName: screen.applicationName,
            userCode: screen.userCode.shown,
            personName: try await person(screen.subject, now)?.displayName ?? screen.subject.value,
            scopes: Self.lines(screen.scopes),
            offlineAccess: Self.offlineAccess(screen.scopes),
            address: screen.address,
            origin: screen.origin == .sameAddress ? .sameAddress : .otherAddress,
            ageInMinutes: Int(screen.age.components.seconds / 60),
            action: basePath + "/device/answer",
            csrfToken: screen.formToken,
            hiddenFields: [
                HiddenField(name: DeviceField.userCode, value: screen.userCode.shown),
                HiddenField(name: DeviceField.request, value: screen.request),
            ]
        )
    }
}
