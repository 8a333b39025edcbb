# What people need for the operator's command (go run ./functions/ops), beside
# the right to apply this. None of it signs anything, or reads a secret.

resource "google_spanner_database_iam_member" "operator" {
  for_each = toset(var.operators)

  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = each.value
}

# Dead letters are taken from here, and brought back there.
resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = toset(var.operators)

  subscription = google_pubsub_subscription.payouts_dead.name
  role         = "roles/pubsub.subscriber"
  member       = each.value
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = toset(var.operators)

  topic  = google_pubsub_topic.payouts.name
  role   = "roles/pubsub.publisher"
  member = each.value
}

# What a restored database has forgotten is read from the result log.
resource "google_storage_bucket_iam_member" "operator" {
  for_each = toset(var.operators)

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

# For the address of the treasury's key.
resource "google_kms_crypto_key_iam_member" "operator" {
  for_each = var.treasury_kms_key ? toset(var.operators) : toset([])

  crypto_key_id = google_kms_crypto_key.treasury[0].id
  role          = "roles/cloudkms.publicKeyViewer"
  member        = each.value
}
