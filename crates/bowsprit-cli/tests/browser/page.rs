//! The page of `bowsprit serve`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    chromium::{Chromium, Page},
    process::Process,
};

struct Server {
    process: Process,
    url: String,
}

impl Server {
    fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    fn start_at(address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bowsprit"));
        command.args(["--verbose", "serve", "--listen", address, "--deflate"]);
        let mut process = Process::start(&mut command).unwrap();
        let url = format!("http://{}/", process.wait_for("listening on ws://"));
        Self { process, url }
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap().trim_end_matches('/')
    }
}

/// Opens the page and waits until both of its connections are open.
async fn open_connected(browser: &mut Chromium, server: &Server) -> Page {
    let mut page = browser.open(&server.url).await;
    wait_for(&mut page, "#echo .note", "connected").await;
    wait_for(&mut page, "#chat .note", "connected").await;
    page
}

/// Waits until the page shows an element with this text.
async fn wait_for(page: &mut Page, selector: &str, text: &str) {
    let (selector, text) = (json!(selector), json!(text));
    let script = format!(
        "new Promise((resolve) => {{
            const look = () => {{
                const elements = [...document.querySelectorAll({selector})];
                if (elements.some((element) => element.textContent === {text})) resolve();
            }};
            new MutationObserver(look).observe(document, {{ childList: true, subtree: true }});
            look();
        }})"
    );
    page.evaluate(&script).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn what_is_typed_into_the_echo_box_comes_back() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = open_connected(&mut browser, &server).await;
    page.evaluate("document.querySelector('#echo input').focus()").await;
    for text in ["<b>hello</b> é€😀", "once more"] {
        page.type_text(text).await;
        page.press_enter().await;
        wait_for(&mut page, "#echo .message", text).await;
    }
    assert_eq!(page.evaluate("document.querySelector('#echo input').value").await, "");
    assert_eq!(page.evaluate("document.querySelectorAll('#chat .message').length").await, 0);
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn a_chat_message_shows_on_every_page() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut pages =
        [open_connected(&mut browser, &server).await, open_connected(&mut browser, &server).await];
    for (sender, text) in [(0, "hello from the first page"), (1, "hello from the second 😀")] {
        pages[sender].evaluate("document.querySelector('#chat input').focus()").await;
        pages[sender].type_text(text).await;
        pages[sender].evaluate("document.querySelector('#chat button').click()").await;
        for page in &mut pages {
            wait_for(page, "#chat .message", text).await;
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn what_is_typed_after_a_close_is_not_lost() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = open_connected(&mut browser, &server).await;
    let address = server.address().to_owned();
    server.process.stop();
    wait_for(&mut page, "#echo .note", "closed: 1006; connecting again …").await;
    page.evaluate("document.querySelector('#echo input').focus()").await;
    page.type_text("typed too early").await;
    page.press_enter().await;
    let told = "not connected; your message stays in the box";
    wait_for(&mut page, "#echo .note", told).await;
    let _server = Server::start_at(&address);
    wait_for(&mut page, "#echo .note", "connected again").await;
    page.press_enter().await;
    wait_for(&mut page, "#echo .message", "typed too early").await;
    assert_eq!(page.evaluate("document.querySelector('#echo input').value").await, "");
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn bytes_are_shown_in_hexadecimal_and_as_text() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = open_connected(&mut browser, &server).await;
    let url = format!("ws://{}/chat", server.address());
    let mut member = bowsprit::connect(&url).await.unwrap();
    member.send(&b"\0\xffab<"[..]).await.unwrap();
    let shown = "5 bytes: 00 ff 61 62 3c \"\\u0000\u{fffd}ab<\"";
    wait_for(&mut page, "#chat .message", shown).await;
    member.send(vec![b'x'; 10_000]).await.unwrap();
    let shown = format!("10000 bytes:{} … \"{}\"", " 78".repeat(256), "x".repeat(256));
    wait_for(&mut page, "#chat .message", &shown).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn thousands_of_messages_are_shown_quickly_and_old_ones_dropped() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = open_connected(&mut browser, &server).await;
    let url = format!("ws://{}/chat", server.address());
    let (mut receive, mut send) = bowsprit::connect(&url).await.unwrap().split();
    receive.discard_incoming();
    let start = Instant::now();
    for i in 1..=5000 {
        send.send(format!("message {i}")).await.unwrap();
    }
    wait_for(&mut page, "#chat .message", "message 5000").await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(page.evaluate("document.querySelectorAll('#chat li').length").await, 500);
    let at_end = "(({ scrollHeight, scrollTop, clientHeight }) =>
        scrollHeight - scrollTop - clientHeight < 8)(document.querySelector('#chat ol'))";
    assert_eq!(page.evaluate(at_end).await, true);
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn boxes_and_lists_have_names_and_can_be_reached_by_keyboard() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = open_connected(&mut browser, &server).await;
    let named = "[...document.querySelectorAll('input, ol')].map((element) =>
        element.labels?.[0].textContent ?? `${element.role} ${element.tabIndex} ${
            document.getElementById(element.getAttribute('aria-labelledby')).textContent}`)";
    let expected = json!(["log 0 Echo", "Message to echo", "log 0 Chat", "Message to everyone"]);
    assert_eq!(page.evaluate(named).await, expected);
    // Where the page has the focus from the start.
    page.type_text("hello").await;
    page.press_enter().await;
    wait_for(&mut page, "#echo .message", "hello").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn a_browser_gets_its_messages_back_over_a_compressed_connection() {
    let (server, mut browser) = (Server::start(), Chromium::start().await);
    let mut page = browser.open(&server.url).await;
    let mut echoes = page.evaluate(include_str!("echoes.js")).await;
    let extensions = echoes["extensions"].take();
    let extensions = extensions.as_str().unwrap();
    assert!(extensions.starts_with("permessage-deflate"), "{extensions:?}");
    let expected = json!({
        "extensions": null, "short text": true, "large text": true, "empty text": true,
        "bytes": true, "random bytes": true,
    });
    assert_eq!(echoes, expected);
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn closing_the_page_closes_its_connections_cleanly() {
    let (mut server, mut browser) = (Server::start(), Chromium::start().await);
    let page = open_connected(&mut browser, &server).await;
    page.close().await;
    for _connection in ["echo", "chat"] {
        server.process.wait_for("closed");
    }
    let log = server.process.stop();
    let is_trouble = |line: &&String| {
        ["ERROR", "WARN", "without a clean close"].iter().any(|trouble| line.contains(trouble))
    };
    assert_eq!(log.iter().find(is_trouble), None, "{log:#?}");
}
