//! The environment's variables that name a proxy, as curl reads them.

/// Those that count for a URL, of which the first one that is set wins: `<scheme>_proxy`, that of
/// HTTP, and that for all.
pub(super) const fn for_url(is_secure: bool) -> &'static [&'static str] {
    if is_secure {
        &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        // Not `HTTP_PROXY`: in CGI programs that is what a client has sent as `Proxy`.
        &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"]
    }
}

/// The first of them that is set, with its value. To curl, one that is set to nothing is not set.
pub(super) fn first(
    names: &[&'static str],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    names.iter().find_map(|&name| {
        variable(name).filter(|value| !value.is_empty()).map(|value| (name, value))
    })
}

/// Warns once if the environment names a proxy that this build goes around.
#[cfg(not(feature = "proxy"))]
pub(super) fn warn_of_ignored(is_secure: bool) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    let named = first(for_url(is_secure), |name| std::env::var(name).ok());
    let Some((variable, _)) = named else { return };
    ONCE.call_once(|| {
        tracing::warn!(
            variable,
            "the environment's proxy is ignored: enable the Cargo feature `proxy` to use it"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::{first, for_url};

    #[test]
    fn the_first_variable_that_is_set_to_something_counts() {
        let environment = |name: &str| match name {
            "wss_proxy" => Some(String::new()),
            "https_proxy" => Some("http://a.example".to_owned()),
            "all_proxy" | "HTTP_PROXY" => Some("http://b.example".to_owned()),
            _ => None,
        };
        let secure = first(for_url(true), environment);
        assert_eq!(secure, Some(("https_proxy", "http://a.example".to_owned())));
        let plain = first(for_url(false), environment);
        assert_eq!(plain, Some(("all_proxy", "http://b.example".to_owned())));
    }
}
