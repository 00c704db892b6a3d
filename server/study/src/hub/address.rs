//! Which addresses the client may be led to. A hub on the internet has no business sending us into this network.

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Whether an address is one of the internet's, and none of this machine, this network or a special purpose.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            // global unicast is 2000::/3, less the documentation's and the tunnels'
            None => {
                let [first, second, ..] = address.segments();
                (0x2000..0x4000).contains(&first) && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
            }
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0))
}

/// The IPv4 address inside an IPv6 one that is only a dress for it (mapped, NAT64, 6to4).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let from = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

/// Whether a URL's host is an address, or a name of such addresses alone, that belong to the internet.
pub(super) fn leads_to_the_internet(url: &Url) -> bool {
    match literal_address(url) {
        Some(address) => is_public(address),
        None => {
            let name = url.host_str().unwrap_or_default();
            // a name that can't be looked up now is looked up, and judged, when it is connected to
            (name, 443).to_socket_addrs().map_or(true, |addresses| addresses.into_iter().all(|address| is_public(address.ip())))
        }
    }
}

/// The address that a URL's host is, where it is one and no name.
pub(super) fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Looks names up, and gives their public addresses alone: what is connected to is what was judged.
pub(super) struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str().to_string();
            let found: Vec<SocketAddr> = (name.as_str(), 0).to_socket_addrs()?.collect();
            if !is_proxy(&name) && found.iter().any(|address| !is_public(address.ip())) {
                return Err(format!("{name} is an address of this machine or network").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The user's own proxy may be anywhere: it is the user who named it.
fn is_proxy(name: &str) -> bool {
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].into_iter().any(|variable| {
        let Ok(value) = std::env::var(variable) else { return false };
        let value = if value.contains("://") { value } else { format!("http://{value}") };
        Url::parse(&value).is_ok_and(|url| url.host_str() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_network_are_not_the_internet() {
        for (text, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("2606:4700::1", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
        for (url, public) in
            [("http://127.1:8000/", false), ("http://[::1]/", false), ("http://localhost/x", false), ("https://8.8.8.8/", true)]
        {
            assert_eq!(leads_to_the_internet(&Url::parse(url).unwrap()), public, "{url}");
        }
    }
}
