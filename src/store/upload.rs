//! An object that is written part by part.

use std::mem;

use bytes::Bytes;
use object_store::MultipartUpload;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::error::Error;

/// The most parts on their way at once: what an upload holds in memory beside the one being made.
const IN_FLIGHT: usize = 3;

/// An upload. It is nothing until it is finished; dropped before, it is taken back.
pub struct Upload {
    /// `None` once finished or aborted.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<Result<(), object_store::Error>>,
}

impl Upload {
    pub(super) fn new(upload: Box<dyn MultipartUpload>) -> Self {
        Self { upload: Some(upload), parts: JoinSet::new() }
    }

    /// Sends the next part. Waits while [three](IN_FLIGHT) are on their way.
    ///
    /// Every part but the last has the same size, at least 5 MiB: some stores insist.
    pub async fn part(&mut self, part: Bytes) -> Result<(), Error> {
        while self.parts.len() >= IN_FLIGHT {
            self.one_part_done().await?;
        }
        if let Some(upload) = &mut self.upload {
            self.parts.spawn(upload.put_part(part.into()));
        }
        Ok(())
    }

    async fn one_part_done(&mut self) -> Result<(), Error> {
        match self.parts.join_next().await {
            Some(Ok(done)) => Ok(done?),
            Some(Err(error)) => Err(Error::other(error)),
            None => Ok(()),
        }
    }

    /// Makes the object of its parts, durably. If that fails, the upload is taken back.
    pub async fn finish(mut self) -> Result<(), Error> {
        let finished = self.complete().await;
        if finished.is_err() {
            self.take_back().await;
        }
        finished
    }

    async fn complete(&mut self) -> Result<(), Error> {
        while !self.parts.is_empty() {
            self.one_part_done().await?;
        }
        if let Some(upload) = &mut self.upload {
            upload.complete().await?;
        }
        self.upload = None;
        Ok(())
    }

    /// Takes the upload back. What cannot be taken back now is found by a sweep later.
    pub async fn abort(mut self) {
        self.take_back().await;
    }

    async fn take_back(&mut self) {
        self.parts.shutdown().await;
        if let Some(mut upload) = self.upload.take() {
            // A store that is away keeps the parts; the sweep asks again.
            drop(upload.abort().await);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        let mut parts = mem::take(&mut self.parts);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                parts.shutdown().await;
                drop(upload.abort().await);
            });
        }
    }
}
