//! The bodies of OTLP requests: spans as they are, metrics out of the text of `/metrics`.
//!
//! The text is our own, so its shape is known; what it does not say is not sent, and no metric can
//! be in one place and not in the other.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as SpanMessage, Status, span, status,
};
use prost::Message;

use crate::telemetry::traces::{Attribute, Span, SpanKind, TraceParent};

/// The W3C flag of a sampled trace whose id is random.
const FLAGS: u32 = 0x03;

pub fn traces(spans: Vec<Span>) -> Vec<u8> {
    let spans = ScopeSpans {
        scope: Some(scope()),
        spans: spans.into_iter().map(span_message).collect(),
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        resource: Some(resource()),
        scope_spans: vec![spans],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource],
    };
    request.encode_to_vec()
}

fn span_message(span: Span) -> SpanMessage {
    let kind = match span.kind {
        SpanKind::Server => span::SpanKind::Server,
        SpanKind::Internal => span::SpanKind::Internal,
        SpanKind::Client => span::SpanKind::Client,
    };
    let code = if span.is_fault {
        status::StatusCode::Error
    } else {
        status::StatusCode::Unset
    };
    let attributes = span.attributes.into_iter();
    SpanMessage {
        trace_id: span.trace.as_bytes().to_vec(),
        span_id: span.id.0.to_be_bytes().to_vec(),
        parent_span_id: span
            .parent
            .map(|parent| parent.0.to_be_bytes().to_vec())
            .unwrap_or_default(),
        flags: FLAGS,
        name: span.name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(span.started_at),
        end_time_unix_nano: nanoseconds(span.ended_at),
        attributes: attributes
            .map(|(key, value)| attribute(key, value))
            .collect(),
        links: span.link.map(link).into_iter().collect(),
        status: Some(Status {
            code: code.into(),
            ..Status::default()
        }),
        ..SpanMessage::default()
    }
}

fn link(to: TraceParent) -> span::Link {
    span::Link {
        trace_id: to.trace.to_be_bytes().to_vec(),
        span_id: to.span.to_be_bytes().to_vec(),
        ..span::Link::default()
    }
}

/// The text of `/metrics` at `now`; its counters began at `since`.
pub fn metrics(text: &str, since: SystemTime, now: SystemTime) -> Vec<u8> {
    let times = Times {
        since: unix_nanoseconds(since),
        now: unix_nanoseconds(now),
    };
    let metrics = ScopeMetrics {
        scope: Some(scope()),
        metrics: families(text)
            .into_iter()
            .filter_map(|family| family.into_message(times))
            .collect(),
        ..ScopeMetrics::default()
    };
    let resource = ResourceMetrics {
        resource: Some(resource()),
        scope_metrics: vec![metrics],
        ..ResourceMetrics::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![resource],
    };
    request.encode_to_vec()
}

#[derive(Clone, Copy)]
struct Times {
    since: u64,
    now: u64,
}

/// One family of the text.
#[derive(Default)]
struct Family<'t> {
    name: &'t str,
    help: &'t str,
    kind: &'t str,
    samples: Vec<Sample<'t>>,
}

struct Sample<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: f64,
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            let (name, help) = described.split_once(' ').unwrap_or((described, ""));
            families.push(Family {
                name,
                help,
                ..Family::default()
            });
            continue;
        }
        let Some(family) = families.last_mut() else {
            continue;
        };
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            family.kind = typed.rsplit(' ').next().unwrap_or_default();
        } else if let Some(sample) = sample(line) {
            family.samples.push(sample);
        }
    }
    families
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Option<Sample<'_>> {
    let line = (!line.starts_with('#')).then_some(line)?;
    let (left, value) = line.rsplit_once(' ')?;
    let (name, labels) = left.split_once('{').unwrap_or((left, ""));
    let mut labels = labels.strip_suffix('}').unwrap_or(labels);
    let mut found = Vec::new();
    while let Some((label, rest)) = labels.split_once("=\"") {
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    plain => plain,
                }),
                (_, plain) => value.push(plain),
            }
        };
        found.push((label.trim_start_matches(','), value));
        labels = &rest[end + 1..];
    }
    Some(Sample {
        name,
        labels: found,
        value: value.parse().ok()?,
    })
}

impl Family<'_> {
    fn into_message(self, times: Times) -> Option<Metric> {
        let name = match self.kind {
            "counter" => format!("{}_total", self.name),
            _ => self.name.to_owned(),
        };
        let description = self.help.trim_end_matches('.').to_owned();
        let data = match self.kind {
            "counter" => Data::Sum(Sum {
                data_points: self.points(times),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: true,
            }),
            "gauge" => Data::Gauge(Gauge {
                data_points: self.points(times),
            }),
            "histogram" => Data::Histogram(Histogram {
                data_points: self.histograms(times),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
            }),
            _ => return None,
        };
        Some(Metric {
            name,
            description,
            data: Some(data),
            ..Metric::default()
        })
    }

    fn points(&self, times: Times) -> Vec<NumberDataPoint> {
        let point = |sample: &Sample<'_>| NumberDataPoint {
            attributes: attributes(&sample.labels),
            start_time_unix_nano: times.since,
            time_unix_nano: times.now,
            value: Some(Number::AsDouble(sample.value)),
            ..NumberDataPoint::default()
        };
        self.samples.iter().map(point).collect()
    }

    /// The text adds the buckets up; the message wants each on its own.
    fn histograms(&self, times: Times) -> Vec<HistogramDataPoint> {
        let mut points: BTreeMap<Vec<(&str, String)>, HistogramDataPoint> = BTreeMap::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            let bound = labels
                .iter()
                .position(|(label, _)| *label == "le")
                .map(|place| labels.remove(place).1);
            let point = points
                .entry(labels.clone())
                .or_insert_with(|| HistogramDataPoint {
                    attributes: attributes(&labels),
                    start_time_unix_nano: times.since,
                    time_unix_nano: times.now,
                    ..HistogramDataPoint::default()
                });
            if sample.name.ends_with("_sum") {
                point.sum = Some(sample.value);
            } else if sample.name.ends_with("_count") {
                point.count = sample.value as u64;
            } else if let Some(bound) = bound {
                let below: u64 = point.bucket_counts.iter().sum();
                point
                    .bucket_counts
                    .push((sample.value as u64).saturating_sub(below));
                point
                    .explicit_bounds
                    .extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
            }
        }
        points.into_values().collect()
    }
}

fn attributes(labels: &[(&str, String)]) -> Vec<KeyValue> {
    let text = |(label, value): &(&str, String)| attribute(label, Attribute::Text(value.clone()));
    labels.iter().map(text).collect()
}

fn attribute(key: &str, value: Attribute) -> KeyValue {
    let value = match value {
        Attribute::Text(text) => Value::StringValue(text),
        Attribute::Whole(number) => Value::IntValue(number),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn resource() -> Resource {
    let text = |text: &str| Attribute::Text(text.to_owned());
    Resource {
        attributes: vec![
            attribute("service.name", text(env!("CARGO_PKG_NAME"))),
            attribute("service.version", text(env!("CARGO_PKG_VERSION"))),
        ],
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

fn unix_nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;
    use std::sync::Arc;
    use std::time::Duration;

    /// Every sample of the text is in the message, with its labels and its number.
    #[test]
    fn metrics_lose_nothing_on_the_way() {
        let metrics = Arc::new(Metrics::new());
        metrics.attempt("lead\"ping\\", "accepted");
        metrics.attempt("lead\"ping\\", "accepted");
        metrics.delivered("leadping", Duration::from_millis(3));
        metrics.delivered("leadping", Duration::from_secs(3));
        metrics.set_oldest_due("leadping", Duration::from_millis(1500));
        let text = metrics.encode();
        let now = UNIX_EPOCH + Duration::from_secs(9);
        let message = super::metrics(&text, UNIX_EPOCH + Duration::from_secs(5), now);
        let message = ExportMetricsServiceRequest::decode(&message[..]).expect("what we encoded");
        let families = &message.resource_metrics[0].scope_metrics[0].metrics;
        let typed = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(families.len(), typed.count());
        let find = |name: &str| {
            let found = families.iter().find(|family| family.name == name);
            found.and_then(|family| family.data.clone()).expect("there")
        };
        let Data::Sum(attempts) = find("leadping_bridge_attempts_total") else {
            panic!("no counter");
        };
        assert!(attempts.is_monotonic);
        assert_eq!(attempts.data_points[0].value, Some(Number::AsDouble(2.0)));
        assert_eq!(attempts.data_points[0].time_unix_nano, 9_000_000_000);
        let target = attempts.data_points[0].attributes[0].clone();
        assert_eq!(
            target,
            attribute("target", Attribute::Text("lead\"ping\\".into()))
        );
        let Data::Gauge(oldest) = find("leadping_bridge_oldest_due_seconds") else {
            panic!("no gauge");
        };
        assert_eq!(oldest.data_points[0].value, Some(Number::AsDouble(1.5)));
        let Data::Histogram(lag) = find("leadping_bridge_delivery_lag_seconds") else {
            panic!("no histogram");
        };
        let lag = &lag.data_points[0];
        assert_eq!((lag.count, lag.sum), (2, Some(3.003)));
        assert_eq!(lag.bucket_counts.len(), lag.explicit_bounds.len() + 1);
        assert_eq!(lag.bucket_counts.iter().sum::<u64>(), 2);
        assert_eq!(
            lag.bucket_counts
                .iter()
                .filter(|count| **count == 1)
                .count(),
            2
        );
    }
}
