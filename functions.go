// Package workernetwork registers the functions for the Functions Framework
// and does nothing else: the same source is deployed once for each, and
// FUNCTION_TARGET selects which one answers. What a build links of them is in
// functions/deployed; what a function needs it makes on its first request, from
// its environment.
package workernetwork

import (
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/BlockRunAI/worker-network/functions/deployed"
)

func init() {
	functions.HTTP("GetTasks", deployed.Handler("GetTasks"))
	functions.HTTP("SubmitResults", deployed.Handler("SubmitResults"))
	functions.HTTP("ProcessPayout", deployed.Handler("ProcessPayout"))
	functions.HTTP("RefreshReputation", deployed.Handler("RefreshReputation"))
	functions.HTTP("Sweep", deployed.Handler("Sweep"))
	functions.HTTP("Reconcile", deployed.Handler("Reconcile"))
	functions.HTTP("WorkerStatus", deployed.Handler("WorkerStatus"))
	functions.HTTP("LinkWallet", deployed.Handler("LinkWallet"))
}
