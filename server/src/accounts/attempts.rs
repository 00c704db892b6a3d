//! How often one may try the password, or ask for what is shared: each client, and all together. The table has a fixed size, and who
//! finds it full has to wait.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Attempts that come back one after another, up to a number.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub burst: f64,
    pub every: Duration,
}

const CLIENT: Allowance = Allowance { burst: 5.0, every: Duration::from_secs(30) };
/// Many clients together guess no faster than this; a password of twelve characters outlasts it.
const ALL: Allowance = Allowance { burst: 100.0, every: Duration::from_secs(2) };
const MAX_CLIENTS: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(allowance: Allowance, now: Instant) -> Self {
        Self { left: allowance.burst, at: now }
    }

    fn refill(&mut self, allowance: Allowance, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.left = (self.left + passed.as_secs_f64() / allowance.every.as_secs_f64()).min(allowance.burst);
        self.at = now;
    }

    /// How long until there is one; zero: there is.
    fn wait(&self, allowance: Allowance) -> Duration {
        allowance.every.mul_f64((1.0 - self.left).max(0.0))
    }
}

#[derive(Debug, Default)]
struct Table {
    clients: HashMap<IpAddr, Bucket>,
    all: Option<Bucket>,
}

/// The attempts of late.
#[derive(Debug)]
pub struct Attempts {
    client: Allowance,
    all: Allowance,
    table: Mutex<Table>,
}

/// At the password.
impl Default for Attempts {
    fn default() -> Self {
        Self::new(CLIENT, ALL)
    }
}

impl Attempts {
    /// What each client may do, and all together.
    pub fn new(client: Allowance, all: Allowance) -> Self {
        Self { client, all, table: Mutex::default() }
    }

    /// Takes an attempt, or says how long to wait for one.
    pub fn take(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { clients, all } = &mut *table;
        let client = network(client);
        if !clients.contains_key(&client) && clients.len() >= MAX_CLIENTS {
            clients.retain(|_, bucket| {
                bucket.refill(self.client, now);
                bucket.left < self.client.burst
            });
            if clients.len() >= MAX_CLIENTS {
                return Err(self.client.every);
            }
        }
        let all = all.get_or_insert_with(|| Bucket::full(self.all, now));
        let own = clients.entry(client).or_insert_with(|| Bucket::full(self.client, now));
        all.refill(self.all, now);
        own.refill(self.client, now);
        let wait = all.wait(self.all).max(own.wait(self.client));
        if !wait.is_zero() {
            return Err(wait);
        }
        all.left -= 1.0;
        own.left -= 1.0;
        Ok(())
    }

    /// The attempt was right: it does not count.
    pub fn give_back(&self, client: IpAddr) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = &mut table.all {
            all.left = (all.left + 1.0).min(self.all.burst);
        }
        if let Some(own) = table.clients.get_mut(&network(client)) {
            own.left = (own.left + 1.0).min(self.client.burst);
        }
    }
}

/// One customer of a network has 2^64 addresses of version 6.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_client_has_five_attempts_and_then_one_each_half_minute() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(attempts.take(ONE, start), Ok(()));
        }
        assert_eq!(attempts.take(ONE, start), Err(Duration::from_secs(30)));
        assert_eq!(attempts.take("192.0.2.2".parse().unwrap(), start), Ok(()), "another client");
        assert_eq!(attempts.take(ONE, start + Duration::from_secs(20)), Err(Duration::from_secs(10)));
        assert_eq!(attempts.take(ONE, start + Duration::from_secs(30)), Ok(()));
        assert!(attempts.take(ONE, start + Duration::from_secs(30)).is_err());
        attempts.give_back(ONE);
        assert_eq!(attempts.take(ONE, start + Duration::from_secs(30)), Ok(()), "a right one does not count");
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for last in 1..=5 {
            assert_eq!(attempts.take(format!("2001:db8::{last}").parse().unwrap(), start), Ok(()));
        }
        assert!(attempts.take("2001:db8::ffff".parse().unwrap(), start).is_err());
        assert_eq!(attempts.take("2001:db8:0:1::1".parse().unwrap(), start), Ok(()));
    }

    #[test]
    fn many_clients_share_an_allowance() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let allowed = (0..200_u32).filter(|number| attempts.take(Ipv4Addr::from(*number).into(), start).is_ok()).count();
        assert_eq!(allowed, 100);
        assert_eq!(attempts.take(ONE, start), Err(Duration::from_secs(2)));
        assert_eq!(attempts.take(ONE, start + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn a_full_table_forgets_those_who_have_waited_and_else_refuses() {
        let attempts = Attempts::default();
        let start = Instant::now();
        {
            let mut table = attempts.table.lock().unwrap();
            let bucket = Bucket { left: 0.0, at: start };
            table.clients = (0..MAX_CLIENTS as u32).map(|number| (Ipv4Addr::from(number).into(), bucket)).collect();
        }
        assert_eq!(attempts.take(ONE, start), Err(CLIENT.every));
        let later = start + CLIENT.every * 5;
        assert_eq!(attempts.take(ONE, later), Ok(()));
        assert_eq!(attempts.table.lock().unwrap().clients.len(), 1);
    }
}
