package terraform_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// granted are all roles that are granted, and to whom, as the files write it.
// Terraform's own tests look at the grants that they know by name; this one
// finds those that somebody adds.
var granted = map[string]struct{ role, member string }{
	"google_project_iam_member.telemetry":           {`each.value`, `"serviceAccount:${local.email}"`},
	"google_project_iam_member.build_logs":          {`"roles/logging.logWriter"`, `local.build_member`},
	"google_project_iam_member.build_reads_copies":  {`"roles/storage.objectViewer"`, `local.build_member`},
	"google_cloud_run_v2_service_iam_member.caller": {`"roles/run.invoker"`, `each.value`},

	"google_storage_bucket_iam_member.build_reads_source":                {`"roles/storage.objectViewer"`, `local.build_member`},
	"google_artifact_registry_repository_iam_member.build_writes_images": {`"roles/artifactregistry.writer"`, `local.build_member`},
	"google_storage_bucket_iam_member.result_readers":                    {`"roles/storage.objectViewer"`, `each.value`},
	"google_storage_bucket_iam_member.refreshreputation":                 {`"roles/storage.objectViewer"`, `module.refreshreputation.member`},
	"google_storage_bucket_iam_member.sweep":                             {`each.value`, `module.sweep.member`},
	"google_pubsub_topic_iam_member.submitresults":                       {`"roles/pubsub.publisher"`, `module.submitresults.member`},
	"google_pubsub_topic_iam_member.sweep":                               {`"roles/pubsub.publisher"`, `module.sweep.member`},
	"google_pubsub_topic_iam_member.dead_letters":                        {`"roles/pubsub.publisher"`, `local.pubsub_agent`},
	"google_pubsub_subscription_iam_member.dead_letters":                 {`"roles/pubsub.subscriber"`, `local.pubsub_agent`},
	"google_service_account_iam_member.push_token":                       {`"roles/iam.serviceAccountOpenIdTokenCreator"`, `local.pubsub_agent`},
	"google_spanner_database_iam_member.gettasks":                        {`"roles/spanner.databaseUser"`, `module.gettasks.member`},
	"google_spanner_database_iam_member.submitresults":                   {`"roles/spanner.databaseUser"`, `module.submitresults.member`},
	"google_spanner_database_iam_member.workerstatus":                    {`"roles/spanner.databaseReader"`, `module.workerstatus.member`},
	"google_spanner_database_iam_member.linkwallet":                      {`"roles/spanner.databaseUser"`, `module.linkwallet.member`},
	"google_spanner_database_iam_member.refreshreputation":               {`"roles/spanner.databaseUser"`, `module.refreshreputation.member`},
	"google_spanner_database_iam_member.sweep":                           {`"roles/spanner.databaseUser"`, `module.sweep.member`},
	"google_spanner_database_iam_member.processpayout":                   {`"roles/spanner.databaseUser"`, `module.processpayout[0].member`},
	"google_secret_manager_secret_iam_member.reconcile":                  {`"roles/secretmanager.secretAccessor"`, `module.reconcile[0].member`},
	"google_spanner_database_iam_member.reconcile":                       {`"roles/spanner.databaseUser"`, `module.reconcile[0].member`},
	"google_secret_manager_secret_iam_member.processpayout":              {`"roles/secretmanager.secretAccessor"`, `module.processpayout[0].member`},
	"google_spanner_database_iam_member.operator":                        {`"roles/spanner.databaseUser"`, `each.value`},
	"google_pubsub_subscription_iam_member.operator":                     {`"roles/pubsub.subscriber"`, `each.value`},
	"google_pubsub_topic_iam_member.operator":                            {`"roles/pubsub.publisher"`, `each.value`},
	"google_storage_bucket_iam_member.operator":                          {`"roles/storage.objectViewer"`, `each.value`},
	"google_kms_crypto_key_iam_member.operator":                          {`"roles/cloudkms.publicKeyViewer"`, `each.value`},
	"google_kms_crypto_key_iam_member.processpayout":                     {`each.value`, `module.processpayout[0].member`},
}

// Of secrets, others than ProcessPayout read this one alone.
func TestReconcileReadsNoKey(t *testing.T) {
	for _, b := range blocks(t) {
		if b.name() == "google_secret_manager_secret_iam_member.reconcile" && b.source("secret_id") != `google_secret_manager_secret.secret["base-rpc-url"].secret_id` {
			t.Errorf("Reconcile reads %s", b.source("secret_id"))
		}
	}
}

func TestEveryGrantIsOneOfThese(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range blocks(t) {
		if b.Type != "resource" || !strings.Contains(b.Labels[0], "_iam_") || b.Labels[0] == "google_project_iam_audit_config" {
			continue
		}
		want, ok := granted[b.name()]
		if got := b.source("role"); !ok || got != want.role || b.source("member") != want.member {
			t.Errorf("%s: %s grants %s to %s; if that is right, note it in this test", b.file, b.name(), got, b.source("member"))
		}
		seen[b.name()] = true
	}
	for name := range granted {
		if !seen[name] {
			t.Errorf("%s is gone; strike it here, too", name)
		}
	}
}

// grantFor a variable is what whoever is told it needs.
var grantFor = map[string]string{
	"SPANNER_DATABASE":  "google_spanner_database_iam_member",
	"PAYOUT_TOPIC":      "google_pubsub_topic_iam_member",
	"RESULT_LOG_BUCKET": "google_storage_bucket_iam_member",
	"SPEND_LOG_BUCKET":  "google_storage_bucket_iam_member",
	"TREASURY_KMS_KEY":  "google_kms_crypto_key_iam_member",
}

// What a function is told of, it may use: one that is deployed without would
// answer 503 in the cloud, and nowhere before.
func TestAFunctionMayUseWhatItIsToldOf(t *testing.T) {
	needs := map[string]bool{}
	for _, c := range contracts(t) {
		for function, environment := range c.Environment {
			for variable, value := range environment {
				kind := grantFor[variable]
				if strings.HasPrefix(value, "secret ") {
					kind = "google_secret_manager_secret_iam_member"
				}
				if kind == "" {
					continue
				}
				name := kind + "." + strings.ToLower(function)
				if _, ok := granted[name]; !ok && !needs[name] {
					t.Errorf("%s is told %s; its grant, %s, is missing", function, variable, name)
				}
				needs[name] = true
			}
		}
	}
	if len(needs) < 14 {
		t.Errorf("only %d grants are needed", len(needs))
	}
}

// Grants are added one by one: a binding or a policy would take away those that
// Google's own accounts need. Nothing is looked up, so that a plan needs no
// cloud. And the value of a secret never enters Terraform's state.
func TestKindsThatHaveNoPlaceHere(t *testing.T) {
	for _, b := range blocks(t) {
		kind := b.Labels[:min(1, len(b.Labels))]
		switch {
		case b.Type == "data":
			t.Errorf("%s: data source %s", b.file, b.Labels)
		case b.Type != "resource":
		case slices.Contains([]string{"google_secret_manager_secret_version", "google_service_account_key"}, kind[0]):
			t.Errorf("%s: %s would bring a secret into the state", b.file, b.name())
		case regexp.MustCompile(`_iam_(binding|policy)$`).MatchString(kind[0]):
			t.Errorf("%s: %s takes away grants that it does not know", b.file, b.name())
		}
	}
}

func TestNoDefaultAccountsAndNoBasicRoles(t *testing.T) {
	var functions int
	for _, b := range blocks(t) {
		if b.Type != "resource" || b.Labels[0] != "google_cloudfunctions2_function" {
			continue
		}
		functions++
		text := string(b.Body.Range().SliceBytes(b.text))
		for _, want := range []string{`service_account_email +=`, `service_account +=`} {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("%s: %s does not say what it runs or is built as (%s)", b.file, b.name(), want)
			}
		}
	}
	if functions == 0 {
		t.Error("no function was found")
	}
	bad := regexp.MustCompile(`@developer\.gserviceaccount\.com|@appspot\.gserviceaccount\.com|@cloudbuild\.gserviceaccount\.com|"roles/(owner|editor|viewer)"|[aA]dmin"|serviceAccountUser|serviceAccountTokenCreator`)
	files, _ := filepath.Glob("*.tf")
	modules, _ := filepath.Glob("modules/*/*.tf")
	for _, name := range append(files, modules...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := bad.FindString(string(text)); found != "" {
			t.Errorf("%s: %s", name, found)
		}
	}
}
