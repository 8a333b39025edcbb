# Who used the keys. Reading a secret and signing are not logged unless asked for.

locals {
  audited = toset(concat(["secretmanager.googleapis.com"], var.treasury_kms_key ? ["cloudkms.googleapis.com"] : []))

  # Uses of the treasury's keys, as the audit log shows them.
  treasury_secret_read = "protoPayload.serviceName=\"secretmanager.googleapis.com\" AND protoPayload.methodName:\"AccessSecretVersion\" AND protoPayload.resourceName:\"secrets/treasury-key/\""
  treasury_kms_signed  = !var.treasury_kms_key ? "" : "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=\"AsymmetricSign\" AND protoPayload.resourceName:\"cryptoKeys/${google_kms_crypto_key.treasury[0].name}/\""
  treasury_key_used    = join(" OR ", [for use in compact([local.treasury_secret_read, local.treasury_kms_signed]) : "(${use})"])

  # What it runs as, if it is there.
  payout_account = "fn-processpayout@${var.project_id}.iam.gserviceaccount.com"
}

resource "google_project_iam_audit_config" "keys" {
  for_each = local.audited

  project = var.project_id
  service = each.value

  dynamic "audit_log_config" {
    for_each = toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    content {
      log_type = audit_log_config.value
    }
  }
}

# Kept longer than other logs, and where a retention of those does not reach.
resource "google_logging_project_bucket_config" "keys" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "key-use"
  description    = "Who used the keys"
  retention_days = 400

  depends_on = [google_project_service.api]
}

resource "google_logging_project_sink" "keys" {
  name        = "key-use"
  destination = "logging.googleapis.com/projects/${var.project_id}/locations/${var.region}/buckets/${google_logging_project_bucket_config.keys.bucket_id}"
  filter      = "logName:\"cloudaudit.googleapis.com\" AND (${join(" OR ", [for s in local.audited : "protoPayload.serviceName=\"${s}\""])})"

  unique_writer_identity = true
}

resource "google_monitoring_alert_policy" "treasury_key_used_elsewhere" {
  display_name          = "Somebody other than ProcessPayout used the treasury's key"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "in the audit log"
    condition_matched_log {
      filter = "(${local.treasury_key_used}) AND NOT protoPayload.authenticationInfo.principalEmail=\"${local.payout_account}\""
    }
  }
  documentation {
    content = "If it was none of yours, move the USDC to an address of a new key at once, and pause the payouts.${local.runbook}rotating-keys"
  }
  alert_strategy {
    auto_close = "604800s"
    notification_rate_limit {
      period = "300s"
    }
  }

  depends_on = [google_project_service.api]
}
