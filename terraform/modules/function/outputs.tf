output "name" {
  value = google_cloudfunctions2_function.this.name
}

output "uri" {
  value = google_cloudfunctions2_function.this.service_config[0].uri
}

output "email" {
  value = local.email
}

output "member" {
  description = "The function's account, as a member of a policy."
  value       = "serviceAccount:${local.email}"
}

# For the tests.

output "function" {
  value = google_cloudfunctions2_function.this
}

output "callers" {
  value = [for c in google_cloud_run_v2_service_iam_member.caller : c.member]
}
