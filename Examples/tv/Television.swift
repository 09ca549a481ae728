// A television: no keyboard, no browser of its person's. It shows a code and a picture of it, and waits (RFC 8628).

import Hummingbird
import IssuerConnection
import Logging
import OAuthClient
import QRCode
import Synchronization

@main
struct Television {
    static func main() async throws {
        let environment = Environment()
        let api = try environment.require("API_AUDIENCE")
        let device = DeviceLogin(
            ClientRegistration(
                issuer: try environment.require("ISSUER"),
                clientID: try environment.require("TV_ID"),
                authentication: .none
            )
        )
        let screen = Screen()
        let router = Router()
        router.get("/") { _, _ in screen.page }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname("127.0.0.1", port: try environment.require("TV_PORT", as: Int.self))
            ),
            logger: Logger(label: "orders-tv")
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.runService() }
            group.addTask { try await watch(api, with: device, on: screen) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Signs in as often as it takes, then shows the orders.
    static func watch(_ api: String, with device: DeviceLogin, on screen: Screen) async throws {
        while true {
            do {
                let code = try await device.start(
                    scopes: ["openid", "offline_access", "orders:read"],
                    resources: [api]
                )
                screen.show(code)
                let login = try await device.wait(for: code)
                let orders = AuthorizedTransport(to: api, with: device.session(login))
                let response = try await orders.send(TransportRequest(url: api + "/orders"))
                screen.show(orders: String(decoding: response.body, as: UTF8.self))
                try await Task.sleep(for: .seconds(86_400))
            } catch let error as OAuthClientError where error.code == .expired || error.error == "expired_token" {
                continue
            } catch let error as OAuthClientError where error.error == "access_denied" {
                screen.show(message: "That was not allowed.")
                try await Task.sleep(for: .seconds(10))
            } catch let error as OAuthClientError where error.isTransient {
                screen.show(message: "The issuer does not answer. Trying again.")
                try await Task.sleep(for: .seconds(2))
            }
        }
    }
}

/// What the television shows now.
final class Screen: Sendable {
    private let content = Mutex("<p>One moment.</p>")

    /// A page that looks again by itself: televisions have no reload button.
    var page: Response {
        let html = """
            <!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
            <title>Orders TV</title>
            <style>body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #151311; color: #f2ece3;
            font: 2rem/1.4 system-ui, sans-serif } main { display: flex; gap: 4rem; align-items: center; padding: 3rem }
            svg { width: 22rem; border-radius: 1rem } strong { font: 600 4rem/1.3 monospace; letter-spacing: .08em }
            pre { white-space: pre-wrap; font-size: 1.25rem }</style><main>\(content.withLock { $0 })</main></html>
            """
        return Response(
            status: .ok,
            headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html))
        )
    }

    func show(_ code: DeviceAuthorization) {
        let picture = code.verificationURIComplete.flatMap { address in
            QRCode(address)?.svg(label: "QR code of \(address)")
        }
        let words = """
            <p>Open <b>\(code.verificationURI)</b><br>and enter</p><strong id="code">\(code.userCode)</strong>
            """
        content.withLock { $0 = (picture ?? "") + "<div>\(words)</div>" }
    }

    func show(orders: String) {
        let text = orders.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        content.withLock { $0 = "<div><h1>Your orders</h1><pre id=\"orders\">\(text)</pre></div>" }
    }

    func show(message: String) { content.withLock { $0 = "<p>\(message)</p>" } }
}
