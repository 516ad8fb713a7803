//! The projection killed between its steps: the log that comes of it is one log, well signed.

use super::{Site, With, eventually};
use crate::harness::Engine;

const POINTS: &[&str] = &["ledger.tiles", "ledger.signed", "ledger.published"];

#[tokio::test]
async fn a_projection_that_is_killed_goes_on_where_it_was() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let site = Site::on(engine).await;
        for (round, point) in POINTS.iter().enumerate() {
            let name = format!("c{round}");
            let add = ["customer", "add", &name, "--name", "N", "--agreement", "A-1"];
            site.ok(&[&add[..], &["--term", "P30D"]].concat()).await;
            let node = site.start(&["serve", "--listen", "127.0.0.1:0"], &With::stop_at(point));
            node.stands_still().await;
            node.kill().await;
        }
        let node = site.serve().await;
        let to = site.dir.path().join("export");
        let dir = to.to_str().unwrap();
        eventually("all logs are signed", async || {
            // The claims of the killed processes end first.
            site.ok(&["ledger", "export", dir]).await.out.lines().count() == 6
        })
        .await;
        let done = site.ok(&["verify", dir]).await;
        assert!(done.out.contains("callvault.localhost/1/top"), "{}", done.out);
        node.kill().await;
        // A changed byte is told, and the exit code says so too.
        let entries = super::files(&to.join("provider/tile/entries"));
        let mut bytes = std::fs::read(&entries[0]).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&entries[0], bytes).unwrap();
        let done = site.run(&["verify", dir], &With::default()).await;
        assert_eq!(done.code, Some(1), "{}", done.err);
    }
}
