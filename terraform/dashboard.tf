locals {
  # Title, and the lines in the chart: a filter, how a series is brought to one
  # value a minute, how series become one, and by which label they stay apart.
  charts = [
    { title = "Requests, by function and answer", lines = [
      { filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_count\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name", "metric.label.response_code_class"] },
    ] },
    { title = "Time to answer, 95 of 100", lines = [
      { filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_latencies\"", aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["resource.label.service_name"] },
    ] },
    { title = "Instances", lines = [
      { filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/container/instance_count\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    ] },
    { title = "Payouts", lines = [for name in ["payout_confirmed", "payout_waits", "payout_failed"] :
      { filter = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.event[name].name}\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [] }
    ] },
    { title = "Hints not taken, and dead letters", lines = [
      { filter = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    ] },
    { title = "Oldest hint not taken, seconds", lines = [
      { filter = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    ] },
    { title = "Spanner's CPU, by priority", lines = [
      { filter = "resource.type=\"spanner_instance\" AND metric.type=\"spanner.googleapis.com/instance/cpu/utilization_by_priority\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["metric.label.priority"] },
    ] },
    { title = "Spanner's storage, bytes", lines = [
      { filter = "resource.type=\"spanner_instance\" AND metric.type=\"spanner.googleapis.com/instance/storage/used_bytes\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = [] },
    ] },
  ]

  # What log lines add up to. A distribution's sum can only be asked for like this.
  sums = [for name in sort(setsubtract(local.log_sums, local.log_means)) : {
    title = "${local.log_events[name].title}, every 5 minutes"
    query = "sum(increase(logging_googleapis_com:user_${google_logging_metric.event[name].name}_sum{monitored_resource=\"cloud_run_revision\"}[5m]))"
  }]

  # What lines say at the moment, for each value of another field.
  means = [for name in sort(local.log_means) : {
    title = local.log_events[name].title
    query = join(" / ", [for part in ["sum", "count"] :
      "sum by (${local.log_events[name].by}) (increase(logging_googleapis_com:user_${google_logging_metric.event[name].name}_${part}{monitored_resource=\"cloud_run_revision\"}[30m]))"
    ])
  }]

  # What the functions count by themselves.
  counted = [for m in values(yamldecode(file("${path.module}/metrics.yaml"))) : { title = m.title, query = m.query }]

  widgets = concat(
    [for s in concat(local.means, local.sums, local.counted) : {
      title = s.title
      xyChart = {
        dataSets = [{ plotType = "LINE", timeSeriesQuery = { prometheusQuery = s.query } }]
      }
    }],
    [for c in local.charts : {
      title = c.title
      xyChart = {
        dataSets = [for line in c.lines : {
          plotType = "LINE"
          timeSeriesQuery = {
            timeSeriesFilter = {
              filter = line.filter
              aggregation = {
                alignmentPeriod    = "60s"
                perSeriesAligner   = line.aligner
                crossSeriesReducer = line.reducer
                groupByFields      = line.by
              }
            }
          }
        }]
      }
    }],
  )
}

resource "google_monitoring_dashboard" "network" {
  dashboard_json = jsonencode({
    displayName = "Worker network"
    mosaicLayout = {
      columns = 48
      tiles = [for i, w in local.widgets : {
        xPos   = 24 * (i % 2)
        yPos   = 16 * floor(i / 2)
        width  = 24
        height = 16
        widget = w
      }]
    }
  })

  depends_on = [google_project_service.api]
}
