# Alerts and the dashboard.

mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { project_number = 123456789 }
  }
}

variables {
  project_id       = "test-project"
  treasury_address = "0x1111111111111111111111111111111111111111"
  log_address      = "0x2222222222222222222222222222222222222222"
  source_archive   = "versions.tf"

  # Needed once payouts are enabled.
  log_sender_addresses = ["0x3333333333333333333333333333333333333333"]
  reconcile_from_block = 1000000
}

run "alerts" {
  command = plan

  assert {
    condition     = google_monitoring_alert_policy.measured["dead_letters"].conditions[0].condition_threshold[0].threshold_value == 0 && strcontains(google_monitoring_alert_policy.measured["dead_letters"].conditions[0].condition_threshold[0].filter, "subscription_id=\"payouts-dead\"")
    error_message = "one dead letter is one too many"
  }
  assert {
    condition     = google_monitoring_alert_policy.measured["spanner_cpu"].conditions[0].condition_threshold[0].threshold_value == 0.65
    error_message = "Spanner's CPU"
  }
  assert {
    condition     = google_monitoring_alert_policy.measured["oldest_unacked"].conditions[0].condition_threshold[0].threshold_value == 900
    error_message = "oldest unacknowledged message"
  }
  assert {
    condition     = google_monitoring_alert_policy.event["payout_stuck"].conditions[0].condition_matched_log[0].filter == "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"processpayout\" AND jsonPayload.message=\"payout waits\" AND jsonPayload.ageSeconds>3600"
    error_message = google_monitoring_alert_policy.event["payout_stuck"].conditions[0].condition_matched_log[0].filter
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["day_used_up"].conditions[0].condition_matched_log[0].filter, "jsonPayload.reason:\"today's limit for payouts is used up\"")
    error_message = google_monitoring_alert_policy.event["day_used_up"].conditions[0].condition_matched_log[0].filter
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.event : length(a.alert_strategy[0].notification_rate_limit) == 1 && length(a.documentation[0].content) > 40])
    error_message = "alerts on lines need a rate limit, and say what to do"
  }
  assert {
    condition     = google_logging_metric.event["results_accepted"].value_extractor == "EXTRACT(jsonPayload.accepted)" && google_logging_metric.event["results_accepted"].metric_descriptor[0].value_type == "DISTRIBUTION"
    error_message = "what is added up is a distribution"
  }
  assert {
    condition     = google_logging_metric.event["balance"].label_extractors["account"] == "EXTRACT(jsonPayload.account)" && one(google_logging_metric.event["balance"].metric_descriptor[0].labels).key == "account" && length(google_logging_metric.event["payout_failed"].metric_descriptor[0].labels) == 0
    error_message = "balances are kept apart by account"
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["treasury_low"].conditions[0].condition_matched_log[0].filter, "jsonPayload.message=\"balance is low\" AND jsonPayload.account:\"treasury\"")
    error_message = google_monitoring_alert_policy.event["treasury_low"].conditions[0].condition_matched_log[0].filter
  }
  assert {
    condition     = google_logging_metric.event["payout_failed"].metric_descriptor[0].value_type == "INT64"
    error_message = "what is counted is a number"
  }
}

run "dashboard" {
  command = plan

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.network.dashboard_json).mosaicLayout.tiles) >= 8 && alltrue([for t in jsondecode(google_monitoring_dashboard.network.dashboard_json).mosaicLayout.tiles : t.xPos + t.width <= 48 && length(t.widget.xyChart.dataSets) > 0])
    error_message = google_monitoring_dashboard.network.dashboard_json
  }
  assert {
    condition     = strcontains(google_monitoring_dashboard.network.dashboard_json, "sum by (account) (increase(logging_googleapis_com:user_balance_sum{") && strcontains(google_monitoring_dashboard.network.dashboard_json, "user_balance_count{")
    error_message = "the accounts' balances are shown, each for itself"
  }
}
