// The code of the guide "A command-line tool or television". Only the picture is drawn here: an issuer and a person would have to
// answer. The whole way is walked by Tests/Journeys/test_device.py.

import OAuthClient
import QRCode

// snippet.login
func signIn() async throws -> Login {
    let device = DeviceLogin(
        ClientRegistration(issuer: "https://id.example.com", clientID: "tv", authentication: .none)
    )
    let code = try await device.start(scopes: ["openid", "offline_access"])
    show(code.userCode, at: code.verificationURI, complete: code.verificationURIComplete)
    return try await device.wait(for: code)
}
// snippet.end

// snippet.picture
func show(_ code: String, at address: String, complete: String?) {
    print("Open \(address) and enter \(code)")
    guard let complete, let picture = QRCode(complete) else { return }
    for line in picture.terminalLines() { print(line) }
    // On a page of your own: picture.svg(label: "Open \(complete)")
}
// snippet.end

// snippet.call
func orders(_ login: Login, _ device: DeviceLogin) async throws -> String {
    let session = device.session(login)
    return try await session.accessToken()
}
// snippet.end

// snippet.hide
let drawn = QRCode("https://id.example.com/device?user_code=WDJB-MJHT")
precondition(drawn.map { $0.terminalLines(colors: .lightOnDark).count == ($0.terminalWidth + 1) / 2 } == true)
precondition(drawn?.svg(label: "Open the page").hasPrefix("<svg") == true)
