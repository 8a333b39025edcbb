# Containers for secrets. What is in them is added by a person, as a version
# (see the output next_steps), and never stands in Terraform's state.
# All of them are there, whichever are used: an empty one costs nothing, and
# none has to be deleted when another way is chosen.

locals {
  secrets = {
    treasury-key       = "The key of the account that pays: 0x and 64 hex digits."
    log-sender-key     = "The key of the account that writes receipts: 0x and 64 hex digits."
    relayer-key        = "The key of the account that settles when the facilitator is down: 0x and 64 hex digits."
    cdp-api-key-secret = "The key for Coinbase's facilitator: base64, or PEM."
    base-rpc-url       = "The URL of a node of the chain, with the provider's key."
  }

  secret_version = {
    for name in keys(local.secrets) : name => {
      secret  = google_secret_manager_secret.secret[name].secret_id
      version = tostring(lookup(var.secret_versions, name, 1))
    }
  }
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.secrets

  secret_id           = each.key
  annotations         = { content = each.value }
  version_destroy_ttl = "604800s" # a week to think again
  deletion_protection = var.protect_data

  replication {
    auto {}
  }

  depends_on = [google_project_service.api]
}
