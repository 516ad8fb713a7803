//! Where requests may go: public addresses over TLS. An endpoint is chosen by a customer, and must
//! not become a way into the network the vault is in.
//!
//! A name is looked up at every connection, and the addresses are judged then: a name that pointed
//! somewhere public when it was registered may not any more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The longest address taken.
const LONGEST: usize = 2048;

/// Reads the address of an endpoint, or says what is wrong with it.
///
/// With `private`, addresses that are not public are allowed, and plain HTTP to this machine.
pub(super) fn checked(url: &str, private: bool) -> Result<Url, &'static str> {
    if url.len() > LONGEST {
        return Err("is at most 2048 bytes");
    }
    let url = Url::parse(url).map_err(|_| "is an address such as https://example.net/events")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds no user name and no password: requests are signed");
    }
    if url.fragment().is_some() || url.query().is_some() {
        return Err("has no query and no fragment: addresses end up in logs");
    }
    let host = url.host_str().ok_or("names a host")?;
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let here = ip.is_some_and(|ip| ip.is_loopback()) || is_localhost(host);
    match url.scheme() {
        "https" => {}
        "http" if here && private => {}
        _ => return Err("begins with https://"),
    }
    if !private && (here || ip.is_some_and(|ip| !is_public(ip))) {
        return Err("is a public address (webhooks.allow_private allows others)");
    }
    Ok(url)
}

/// Whether a name is this machine's, also with the dot of a complete one, or below it (RFC 6761).
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// Looks names up and keeps the addresses that requests may go to.
pub(super) struct Guard {
    pub(super) private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Box::<dyn std::error::Error + Send + Sync>::from(
                    "the name has no public address",
                ));
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet (RFC 6890 lists those that are not).
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || shared
        || protocols
        || benchmarks
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, third, .., high, low] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(one, two, three, four))
    };
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match (first, second) {
        // Translated to IPv4 on the way: what counts is where that leads.
        (0x64, 0xFF9B) => v4(high, low),
        (0x2002, _) => v4(second, third),
        // Protocol assignments, Teredo among them, and documentation.
        (0x2001, 0..0x200 | 0xDB8) | (0x3FFF, _) => false,
        // Global unicast, and nothing else.
        (0x2000..=0x3FFF, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let cases = [
            ("93.184.216.34", true),
            ("1.1.1.1", true),
            ("2606:4700:4700::1111", true),
            ("64:ff9b::808:808", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("2001:0:1::", false),
        ];
        for (ip, public) in cases {
            assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
        }
    }

    #[test]
    fn an_endpoint_is_public_and_over_tls() {
        let cases = [
            ("https://example.net/events", true, true),
            ("https://example.net:8443/", true, true),
            ("http://example.net/", false, false),
            ("http://127.0.0.1:9/", false, true),
            ("http://localhost:9/", false, true),
            ("http://[::1]:9/", false, true),
            ("https://localhost/", false, true),
            ("https://localhost./", false, true),
            ("https://a.localhost./", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://2130706433/", false, true),
            ("https://0x7f.1/", false, true),
            ("https://169.254.169.254/latest", false, true),
            ("http://10.0.0.1/", false, false),
            ("https://[::ffff:10.0.0.1]/", false, true),
            ("https://user:secret@example.net/", false, false),
            ("https://example.net/?number=0612345678", false, false),
            ("ftp://example.net/", false, false),
            ("file:///etc/passwd", false, false),
            ("", false, false),
        ];
        for (url, public, private) in cases {
            assert_eq!(checked(url, false).is_ok(), public, "{url}");
            assert_eq!(checked(url, true).is_ok(), private, "{url} when private ones are allowed");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_followed() {
        let found = |private| Guard { private }.resolve("localhost".parse().unwrap());
        assert!(found(false).await.is_err());
        assert!(found(true).await.is_ok());
    }
}
