# Who may call what, and what everything runs as.

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

run "callers" {
  command = plan

  variables {
    payouts_enabled = true
  }

  assert {
    condition     = sort([for name, f in local.functions : name if contains(f.callers, "allUsers") || contains(f.callers, "allAuthenticatedUsers")]) == sort(values(local.routes))
    error_message = "the functions on public paths, and no others, are called by anybody"
  }
  assert {
    condition     = toset([for name, f in local.functions : name if f.function.service_config[0].ingress_settings != "ALLOW_INTERNAL_ONLY"]) == toset(values(local.routes))
    error_message = "the functions on public paths, and no others, are reached from outside"
  }
  assert {
    condition     = module.processpayout[0].callers == ["serviceAccount:payouts-push@test-project.iam.gserviceaccount.com"]
    error_message = jsonencode(module.processpayout[0].callers)
  }
  assert {
    condition     = toset(flatten([for name, f in local.functions : f.callers if !contains(values(local.routes), name) && name != "processpayout"])) == toset(["serviceAccount:functions-scheduler@test-project.iam.gserviceaccount.com"])
    error_message = "scheduled functions are called by Cloud Scheduler alone"
  }
}

run "no_default_accounts" {
  command = plan

  variables {
    payouts_enabled = true
  }

  assert {
    condition     = { for name, f in local.functions : name => f.function.service_config[0].service_account_email } == { for name, f in local.functions : name => "fn-${name}@test-project.iam.gserviceaccount.com" }
    error_message = "each function has an account of its own"
  }
  assert {
    condition     = toset([for name, f in local.functions : f.function.build_config[0].service_account]) == toset(["projects/test-project/serviceAccounts/functions-build@test-project.iam.gserviceaccount.com"])
    error_message = "the builder has an account of its own"
  }
  assert {
    condition     = alltrue([for j in google_cloud_scheduler_job.job : j.http_target[0].oidc_token[0].service_account_email == "functions-scheduler@test-project.iam.gserviceaccount.com"])
    error_message = "the scheduler has an account of its own"
  }
  assert {
    condition     = alltrue([for name, f in local.functions : f.function.build_config[0].runtime == "go126" && f.function.build_config[0].source[0].storage_source[0].bucket == google_storage_bucket.source.name])
    error_message = "all functions are built from the one source"
  }
  assert {
    condition     = alltrue([for name, f in local.functions : endswith(f.function.build_config[0].environment_variables.GOFLAGS, ",one_function,${lower(f.function.build_config[0].entry_point)}")])
    error_message = "each function is built with itself alone"
  }
  assert {
    condition     = alltrue([for name, f in local.functions : f.function.service_config[0].max_instance_request_concurrency <= 100])
    error_message = "an instance's one connection to Spanner (shared/spannerdb) carries 100 calls at once"
  }
}

run "operators" {
  command = plan

  variables {
    operators        = ["group:ops@example.com"]
    treasury_kms_key = true
  }

  assert {
    condition     = toset([google_spanner_database_iam_member.operator["group:ops@example.com"].role, google_pubsub_subscription_iam_member.operator["group:ops@example.com"].role, google_pubsub_topic_iam_member.operator["group:ops@example.com"].role, google_kms_crypto_key_iam_member.operator["group:ops@example.com"].role, google_storage_bucket_iam_member.operator["group:ops@example.com"].role]) == toset(["roles/storage.objectViewer", "roles/spanner.databaseUser", "roles/pubsub.subscriber", "roles/pubsub.publisher", "roles/cloudkms.publicKeyViewer"])
    error_message = "operators use the database, read the result log, take dead letters and bring them back, and see the key's address; they never sign"
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.operator["group:ops@example.com"].subscription == "payouts-dead" && google_pubsub_topic_iam_member.operator["group:ops@example.com"].topic == "payouts"
    error_message = "from the dead letters to where they were"
  }
  assert {
    condition     = output.operator_environment["PAYOUT_DEAD_LETTER_SUBSCRIPTION"] == "projects/test-project/subscriptions/payouts-dead" && output.operator_environment["SPANNER_DATABASE"] == output.database
    error_message = jsonencode(output.operator_environment)
  }
}

run "load_balancer" {
  command = apply

  variables {
    domain          = "api.example.com"
    payouts_enabled = true
  }

  assert {
    condition     = { for name, f in local.functions : name => f.function.service_config[0].ingress_settings } == { for name, f in local.functions : name => contains(values(local.routes), name) ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_INTERNAL_ONLY" }
    error_message = "with a domain nobody goes around the load balancer"
  }
  assert {
    condition     = jsonencode({ for r in google_compute_url_map.api[0].path_matcher[0].path_rule : one(r.paths) => r.service }) == jsonencode({ for path, name in local.routes : path => google_compute_backend_service.api[name].id })
    error_message = "each path has its function"
  }
  assert {
    condition     = google_compute_url_map.api[0].default_route_action[0].fault_injection_policy[0].abort[0].http_status == 404 && google_compute_url_map.api[0].path_matcher[0].default_route_action[0].fault_injection_policy[0].abort[0].percentage == 100
    error_message = "what is no route is answered with 404"
  }
  assert {
    condition     = alltrue([for b in google_compute_backend_service.api : b.security_policy == google_compute_security_policy.api[0].id])
    error_message = "a backend has no rate limit"
  }
  assert {
    condition     = { for r in google_compute_security_policy.api[0].rule : tostring(r.priority) => one(r.rate_limit_options).rate_limit_threshold[0].count if r.action == "throttle" } == { "900" = 10, "1000" = 240 }
    error_message = "rate limits"
  }
  assert {
    condition     = one([for r in google_compute_security_policy.api[0].rule : one(one(r.match).expr).expression if r.priority == 900]) == "request.path == '/api/v1/worker/link'"
    error_message = "links have a limit of their own"
  }
  assert {
    condition     = toset([for n in google_compute_region_network_endpoint_group.api : n.cloud_run[0].service]) == toset(values(local.routes))
    error_message = "endpoint groups"
  }
  assert {
    condition     = output.api_base == "https://api.example.com/api" && google_compute_managed_ssl_certificate.api[0].managed[0].domains == tolist(["api.example.com"])
    error_message = output.api_base
  }
}
