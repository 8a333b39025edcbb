# The worker API under one host, if a domain is set. The functions then answer
# the load balancer alone, so that nobody goes around its rate limits.

locals {
  routes = {
    "${var.api_base_path}/v1/worker/tasks"   = "gettasks"
    "${var.api_base_path}/v1/worker/results" = "submitresults"
    "${var.api_base_path}/v1/worker/status"  = "workerstatus"
    "${var.api_base_path}/v1/worker/link"    = "linkwallet"
  }
  balanced = var.domain == "" ? {} : { for name in values(local.routes) : name => local.functions[name].name }
  balancer = var.domain == "" ? 0 : 1
}

resource "google_compute_global_address" "api" {
  count = local.balancer

  name = "worker-api"

  depends_on = [google_project_service.api]
}

resource "google_compute_region_network_endpoint_group" "api" {
  for_each = local.balanced

  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.value
  }

  depends_on = [google_project_service.api]
}

resource "google_compute_backend_service" "api" {
  for_each = local.balanced

  name                  = each.key
  load_balancing_scheme = "EXTERNAL_MANAGED"
  security_policy       = google_compute_security_policy.api[0].id

  backend {
    group = google_compute_region_network_endpoint_group.api[each.key].id
  }
  log_config {
    enable      = true
    sample_rate = 0.1
  }
}

# Requests with a signature cost work before they can be refused.
resource "google_compute_security_policy" "api" {
  count = local.balancer

  name = "worker-api"

  rule {
    description = "A wallet is linked once, and the row stays for ever: nobody needs many."
    action      = "throttle"
    priority    = 900
    match {
      expr {
        expression = "request.path == '${one([for path, name in local.routes : path if name == "linkwallet"])}'"
      }
    }
    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"
      rate_limit_threshold {
        count        = 10
        interval_sec = 60
      }
    }
  }
  rule {
    description = "A worker makes some four requests a minute."
    action      = "throttle"
    priority    = 1000
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"
      rate_limit_threshold {
        count        = var.requests_per_minute
        interval_sec = 60
      }
    }
  }
  rule {
    description = "The rule that every policy must have."
    action      = "allow"
    priority    = 2147483647
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [google_project_service.api]
}

# What is no route is 404, from the load balancer itself; a default service has
# to be named, and is never reached.
resource "google_compute_url_map" "api" {
  count = local.balancer

  name            = "worker-api"
  default_service = google_compute_backend_service.api["gettasks"].id

  default_route_action {
    fault_injection_policy {
      abort {
        http_status = 404
        percentage  = 100
      }
    }
  }

  host_rule {
    hosts        = [var.domain]
    path_matcher = "api"
  }
  path_matcher {
    name            = "api"
    default_service = google_compute_backend_service.api["gettasks"].id

    default_route_action {
      fault_injection_policy {
        abort {
          http_status = 404
          percentage  = 100
        }
      }
    }
    dynamic "path_rule" {
      for_each = local.routes
      content {
        paths   = [path_rule.key]
        service = google_compute_backend_service.api[path_rule.value].id
      }
    }
  }
}

# A certificate cannot be changed, only followed by another.
resource "google_compute_managed_ssl_certificate" "api" {
  count = local.balancer

  name = "worker-api-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_compute_target_https_proxy" "api" {
  count = local.balancer

  name             = "worker-api"
  url_map          = google_compute_url_map.api[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.api[0].id]
}

resource "google_compute_global_forwarding_rule" "api" {
  count = local.balancer

  name                  = "worker-api"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.api[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.api[0].id
}
