locals {
  scheduler_email  = "${google_service_account.scheduler.account_id}@${var.project_id}.iam.gserviceaccount.com"
  scheduler_member = "serviceAccount:${local.scheduler_email}"

  # All times are UTC. Each function takes a lease or may run twice at once, so
  # that a late or doubled call does no harm.
  jobs = merge({
    sweep              = { schedule = "* * * * *", uri = module.sweep.uri, deadline = 150, retries = 0 } # the next minute's is as good
    refresh-reputation = { schedule = "20 2 * * *", uri = module.refreshreputation.uri, deadline = 1800, retries = 3 }
    }, {
    for f in module.reconcile : "reconcile" => { schedule = "*/10 * * * *", uri = f.uri, deadline = 500, retries = 0 }
  })
}

resource "google_service_account" "scheduler" {
  account_id   = "functions-scheduler"
  display_name = "As whom Cloud Scheduler calls the functions"

  depends_on = [google_project_service.api]
}

resource "google_cloud_scheduler_job" "job" {
  for_each = local.jobs

  name             = each.key
  region           = var.region
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${each.value.deadline}s" # not shorter than the function's timeout

  http_target {
    http_method = "POST"
    uri         = each.value.uri
    oidc_token {
      service_account_email = local.scheduler_email
      audience              = each.value.uri
    }
  }
  retry_config {
    retry_count          = each.value.retries
    min_backoff_duration = "60s"
    max_backoff_duration = "600s"
  }
}
