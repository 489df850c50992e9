//! The metrics of `serve`, for Prometheus: those of the library, and of the process.

use std::time::Duration;

use bowsprit::{
    Bytes,
    http::{HeaderValue, Method, Request, Response, header},
    stats,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::time::interval;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// How often what was recorded is summed up, so that it takes no more memory while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is recorded in this process.
pub(crate) struct Metrics {
    prometheus: PrometheusHandle,
    process: Collector,
}

impl Metrics {
    /// Begins to record. Servers that were made before are not seen.
    pub(crate) fn record() -> anyhow::Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for (name, buckets) in stats::BUCKETS {
            builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets)?;
        }
        let prometheus = builder.install_recorder()?;
        let process = Collector::default();
        process.describe();
        tokio::spawn(keep_up(prometheus.clone()));
        Ok(Self { prometheus, process })
    }

    /// Answers a plain request for `/metrics`.
    pub(crate) fn answer(&self, request: &Request<()>) -> Option<Response<Bytes>> {
        if request.method() != Method::GET || request.uri().path() != "/metrics" {
            return None;
        }
        self.process.collect();
        let mut response = Response::new(Bytes::from(self.prometheus.render()));
        response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
        Some(response)
    }
}

async fn keep_up(prometheus: PrometheusHandle) {
    let mut interval = interval(UPKEEP);
    loop {
        interval.tick().await;
        prometheus.run_upkeep();
    }
}
