module "gettasks" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "GetTasks"
  description = "task -> assignment: hands due tasks to workers"

  callers         = local.everybody
  ingress         = local.public_ingress
  timeout_seconds = 30
  instances       = var.public_instances
  concurrency     = 80

  environment = merge(local.common_environment, {
    TASKS_PER_POLL     = tostring(var.tasks_per_poll)
    MIN_WORKER_VERSION = var.min_worker_version
  })

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "gettasks" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.gettasks.member
}
