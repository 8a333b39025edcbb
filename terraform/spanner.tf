module "ddl" {
  source = "./modules/ddl"

  directory = "${path.module}/../spanner-ddl"
}

resource "google_spanner_instance" "network" {
  name                         = "worker-network"
  display_name                 = "Worker network"
  config                       = "regional-${var.region}"
  edition                      = var.spanner_edition
  processing_units             = var.spanner_autoscaling == null ? var.spanner_processing_units : null
  default_backup_schedule_type = "NONE" # the one below

  dynamic "autoscaling_config" {
    for_each = var.spanner_autoscaling == null ? [] : [var.spanner_autoscaling]
    content {
      autoscaling_limits {
        min_processing_units = autoscaling_config.value.min
        max_processing_units = autoscaling_config.value.max
      }
      autoscaling_targets {
        high_priority_cpu_utilization_percent = 60
        storage_utilization_percent           = 85
      }
    }
  }

  depends_on = [google_project_service.api]
}

# The schema grows by files that are added. A change of what is applied already
# would need another database, and is refused while the data are protected.
resource "google_spanner_database" "network" {
  instance                 = google_spanner_instance.network.name
  name                     = "network"
  database_dialect         = "GOOGLE_STANDARD_SQL"
  default_time_zone        = "UTC"
  version_retention_period = "7d"
  ddl                      = module.ddl.statements
  enable_drop_protection   = var.protect_data
  deletion_protection      = var.protect_data
}

resource "google_spanner_backup_schedule" "daily" {
  instance           = google_spanner_instance.network.name
  database           = google_spanner_database.network.name
  name               = "daily"
  retention_duration = "${var.backup_retention_days * 86400}s"

  spec {
    cron_spec {
      text = "0 4 * * *"
    }
  }
  full_backup_spec {}
}
