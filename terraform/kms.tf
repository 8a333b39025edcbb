# The treasury's key, made in an HSM, if treasury_kms_key is set. Nobody ever
# sees it. Terraform never destroys it: with it the treasury's money would be
# gone. It is used once treasury_key is "kms", so that its address can be asked
# for, and given money, before.

locals {
  treasury_kms_key = !var.treasury_kms_key ? "" : "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.network[0].name}/cryptoKeys/${google_kms_crypto_key.treasury[0].name}/cryptoKeyVersions/${var.treasury_kms_version}"
}

resource "google_kms_key_ring" "network" {
  count = var.treasury_kms_key ? 1 : 0

  name     = "worker-network"
  location = var.region

  depends_on = [google_project_service.api]
}

resource "google_kms_crypto_key" "treasury" {
  count = var.treasury_kms_key ? 1 : 0

  name                       = "treasury"
  key_ring                   = google_kms_key_ring.network[0].id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s" # a month to think again

  version_template {
    algorithm        = "EC_SIGN_SECP256K1_SHA256"
    protection_level = "HSM"
  }

  lifecycle {
    prevent_destroy = true
  }
}
