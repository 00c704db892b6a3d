//! Where a request comes from. What a proxy says of that (`X-Forwarded-For`, `X-Forwarded-Proto`) counts only if the
//! configuration names it: anybody can send these headers.

use axum::http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Said of each request; put into its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    pub address: IpAddr,
    /// Between browser and proxy; we ourselves speak http alone.
    pub https: bool,
}

/// Networks whose proxies are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Addresses and networks, with commas between them; the error is what is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)).map_err(|_| part.to_string()));
        networks.collect::<Result<_, _>>().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// `peer`: who has connected; absent where there is no connection, as in a test.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        let mut address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.to_canonical());
        if peer.is_none() || !self.contains(address) {
            return Client { address, https: false };
        }
        // each proxy has added whom it saw at the end: the first from there that is no proxy of ours is the client
        let said = list(headers, "x-forwarded-for");
        for said in said.iter().rev() {
            let Some(before) = parse_address(said) else { break };
            address = before;
            if !self.contains(address) {
                break;
            }
        }
        let https = list(headers, "x-forwarded-proto").last().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Client { address, https }
    }
}

fn list<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().flat_map(|line| line.to_str().unwrap_or("?").split(',').map(str::trim)).collect()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let map = headers.iter().map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        let client = Proxies::parse(proxies).unwrap().client(Some(peer.parse().unwrap()), &map);
        (client.address.to_string(), client.https)
    }

    #[test]
    fn only_a_named_proxy_is_believed() {
        let said = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https")];
        assert_eq!(client("", "127.0.0.1", &said), ("127.0.0.1".into(), false));
        assert_eq!(client("127.0.0.1", "192.0.2.1", &said), ("192.0.2.1".into(), false));
        assert_eq!(client("127.0.0.1", "127.0.0.1", &said), ("198.51.100.7".into(), true));
        assert_eq!(client("127.0.0.0/8, ::1", "::ffff:127.0.0.1", &said), ("198.51.100.7".into(), true));
        assert_eq!(client("::1", "::1", &[]), ("::1".into(), false));
    }

    #[test]
    fn what_the_client_itself_says_is_not_believed() {
        let for_ = |value: &'static str| client("10.0.0.0/8", "10.0.0.1", &[("x-forwarded-for", value)]).0;
        assert_eq!(for_("203.0.113.9, 198.51.100.7"), "198.51.100.7", "the proxy has seen the last one");
        assert_eq!(for_("203.0.113.9, 198.51.100.7, 10.0.0.2"), "198.51.100.7", "through two proxies of ours");
        assert_eq!(for_("203.0.113.9, nonsense"), "10.0.0.1", "what can't be read is nobody: the proxy itself stands for it");
        assert_eq!(for_("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(for_("198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[("x-forwarded-proto", "https, http")]), ("10.0.0.1".into(), false));
    }

    #[test]
    fn a_wrong_network_is_named() {
        assert_eq!(Proxies::parse("10.0.0.0/8,proxy.example"), Err("proxy.example".into()));
        assert_eq!(Proxies::parse("10.0.0.0/99"), Err("10.0.0.0/99".into()));
        assert!(Proxies::parse(" , ").unwrap().is_empty());
    }
}
