//! Requests to a running server, and what it answers.

use reqwest::header::HeaderMap;
use uuid::Uuid;

use super::Process;

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    async fn of(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.into() })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// Status and code of a problem, which must be one.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        let kind = self.headers.get("content-type").map(|kind| kind.as_bytes().to_vec());
        assert_eq!(kind.as_deref(), Some(&b"application/problem+json"[..]), "{}", self.text());
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }

    /// The recording in the answer to an upload.
    #[track_caller]
    pub(crate) fn id(&self) -> Uuid {
        assert!(matches!(self.status, 200 | 201), "{} {}", self.status, self.text());
        self.json()["id"].as_str().unwrap().parse().unwrap()
    }
}

impl Process {
    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        Answer::of(request.send().await.unwrap()).await.unwrap()
    }

    /// Asks, for a process that may be killed meanwhile: an error is a connection that broke.
    pub(crate) fn try_get(
        &self,
        path: &str,
        token: &str,
    ) -> impl Future<Output = reqwest::Result<Answer>> + Send + use<> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        async move { Answer::of(request.send().await?).await }
    }

    /// Posts a JSON body; an error is a connection that broke.
    pub(crate) fn try_post(
        &self,
        path: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> impl Future<Output = reqwest::Result<Answer>> + Send + use<> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        async move { Answer::of(request.send().await?).await }
    }

    /// Reads a content to its end without keeping it, and counts its bytes.
    pub(crate) async fn drain(&self, path: &str, token: &str) -> u64 {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        let mut answer = request.send().await.unwrap().error_for_status().unwrap();
        let mut count = 0;
        while let Some(chunk) = answer.chunk().await.unwrap() {
            count += chunk.len() as u64;
        }
        count
    }

    /// Part of a content.
    pub(crate) async fn range(&self, path: &str, token: &str, first: u64, len: u64) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        let request = request.header("range", format!("bytes={first}-{}", first + len - 1));
        Answer::of(request.send().await.unwrap()).await.unwrap()
    }

    /// Uploads; an error is a connection that broke.
    pub(crate) fn try_upload<B: Into<reqwest::Body>>(
        &self,
        token: &str,
        fields: &[(String, String)],
        audio: B,
    ) -> impl Future<Output = reqwest::Result<Answer>> + Send + use<B> {
        let url = format!("{}/v1/recordings/a.wav", self.url);
        let request = self.http.put(url).query(fields).bearer_auth(token).body(audio);
        async move { Answer::of(request.send().await?).await }
    }

    pub(crate) async fn upload(
        &self,
        token: &str,
        fields: &[(String, String)],
        audio: impl Into<reqwest::Body>,
    ) -> Answer {
        self.try_upload(token, fields, audio).await.unwrap()
    }

    /// Plays a recording for this purpose.
    pub(crate) async fn play(&self, token: &str, id: Uuid, purpose: &str) -> Answer {
        self.get(&format!("/v1/recordings/{id}/audio?purpose={purpose}"), token).await
    }
}
