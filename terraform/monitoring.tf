locals {
  # Step by step, in the repository: a test holds the names to its headings.
  runbook = "\n\nStep by step: docs/runbook.md#"

  channels = google_monitoring_notification_channel.operator[*].id

  log_events = yamldecode(file("${path.module}/log_events.yaml"))

  # The lines that an event is.
  log_filters = {
    for name, e in local.log_events : name => join(" AND ", concat(
      ["resource.type=\"cloud_run_revision\""],
      can(e.function) ? ["resource.labels.service_name=\"${lower(e.function)}\""] : [],
      ["jsonPayload.message=${jsonencode(e.message)}"],
      can(e.above) ? ["jsonPayload.${e.field}>${format("%.0f", e.above)}"] : [],
      can(e.says) ? ["jsonPayload.${e.field}:${jsonencode(e.says)}"] : [],
    ))
  }
  log_sums   = toset([for name, e in local.log_events : name if can(e.field) && !can(e.above) && !can(e.says)])
  log_means  = toset([for name in local.log_sums : name if can(local.log_events[name].by)])
  log_alerts = { for name, e in local.log_events : name => e if can(e.alert) }
}

resource "google_monitoring_notification_channel" "operator" {
  count = var.alert_email != "" ? 1 : 0

  display_name = "Operator of the worker network"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "event" {
  for_each = local.log_events

  name            = each.key
  description     = each.value.title
  filter          = local.log_filters[each.key]
  value_extractor = contains(local.log_sums, each.key) ? "EXTRACT(jsonPayload.${each.value.field})" : null

  label_extractors = can(each.value.by) ? { (each.value.by) = "EXTRACT(jsonPayload.${each.value.by})" } : null

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = contains(local.log_sums, each.key) ? "DISTRIBUTION" : "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = can(each.value.by) ? [each.value.by] : []
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.api]
}

# Alerts look at the lines themselves: a metric made from them cannot be alerted
# on until its first line, and comes minutes later.
resource "google_monitoring_alert_policy" "event" {
  for_each = local.log_alerts

  display_name          = each.value.title
  combiner              = "OR"
  severity              = each.value.alert.severity
  notification_channels = local.channels

  conditions {
    display_name = "in the log"
    condition_matched_log {
      filter = local.log_filters[each.key]
    }
  }
  documentation {
    content = "${each.value.alert.text}${local.runbook}${each.value.alert.runbook}"
  }
  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "3600s"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "job_failed" {
  display_name          = "A scheduled job failed"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "in Cloud Scheduler's log"
    condition_matched_log {
      filter = "resource.type=\"cloud_scheduler_job\" AND severity>=ERROR AND (${join(" OR ", [for j in google_cloud_scheduler_job.job : "resource.labels.job_id=\"${j.name}\""])})"
    }
  }
  documentation {
    content = "The function's own log, at the same minute, says why. The next run goes on where this one stopped; a job that fails again and again needs a person.${local.runbook}a-scheduled-job-failed"
  }
  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "3600s"
    }
  }
}

locals {
  # Alerts on what Google Cloud measures: worst over the period, of one instance of the thing.
  measured = {
    dead_letters = {
      title     = "There are dead letters"
      filter    = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.payouts_dead.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      above     = 0
      duration  = "0s"
      severity  = "ERROR"
      condition = "dead letters > 0"
      runbook   = "dead-letters"
      text      = "ProcessPayout has refused a message ten times; its log says why. No payout is lost: the sweep publishes a new hint each minute. Once the cause has gone: go run ./functions/ops deadletters requeue"
    }
    oldest_unacked = {
      title     = "Hints at payouts are not taken"
      filter    = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"payouts\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      above     = 900
      duration  = "300s"
      severity  = "WARNING"
      condition = "oldest unacknowledged message > 15 minutes"
      runbook   = "hints-that-are-not-taken"
      text      = "ProcessPayout does not answer, or answers with errors: its log says why. Payouts wait meanwhile, and nothing is lost."
    }
    spanner_cpu = {
      title     = "Spanner is busy"
      filter    = "resource.type=\"spanner_instance\" AND resource.labels.instance_id=\"${google_spanner_instance.network.name}\" AND metric.type=\"spanner.googleapis.com/instance/cpu/utilization_by_priority\" AND metric.labels.priority=\"high\""
      above     = 0.65
      duration  = "600s"
      severity  = "WARNING"
      condition = "CPU of high priority > 65 %"
      runbook   = "spanner-is-busy-or-filling-up"
      text      = "Raise spanner_processing_units (or the autoscaling's maximum) and apply; it takes effect within minutes, without a pause. If tasks have grown, see task_shards, too."
    }
    spanner_storage = {
      title     = "Spanner is filling up"
      filter    = "resource.type=\"spanner_instance\" AND resource.labels.instance_id=\"${google_spanner_instance.network.name}\" AND metric.type=\"spanner.googleapis.com/instance/storage/utilization\""
      above     = 0.75
      duration  = "600s"
      severity  = "WARNING"
      condition = "storage > 75 %"
      runbook   = "spanner-is-busy-or-filling-up"
      text      = "Storage grows with the processing units: raise spanner_processing_units and apply."
    }
  }
}

resource "google_monitoring_alert_policy" "measured" {
  for_each = local.measured

  display_name          = each.value.title
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.value.condition
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.duration
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_MAX"
      }
    }
  }
  documentation {
    content = "${each.value.text}${local.runbook}${each.value.runbook}"
  }

  depends_on = [google_project_service.api]
}

# One answer in twenty being an error is more than a slow start.
resource "google_monitoring_alert_policy" "api_errors" {
  display_name          = "The worker API answers with errors"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "5xx > 5 %"
    condition_threshold {
      filter             = "${local.api_requests} AND metric.labels.response_code_class=\"5xx\""
      denominator_filter = local.api_requests
      comparison         = "COMPARISON_GT"
      threshold_value    = 0.05
      duration           = "300s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
  documentation {
    content = "Workers keep their results and send them again, for five minutes; what is older is lost. The functions' logs say why.${local.runbook}the-worker-api-answers-with-errors"
  }

  depends_on = [google_project_service.api]
}

locals {
  api_requests = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${join(", ", [for name in sort(values(local.routes)) : "\"${name}\""])}) AND metric.type=\"run.googleapis.com/request_count\""
}
