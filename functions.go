// Package workernetwork registers the functions for the Functions Framework
// and does nothing else: the same source is deployed once for each, and
// FUNCTION_TARGET selects which one answers. What a function needs it makes
// on its first request, from its environment.
package workernetwork

import (
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/BlockRunAI/worker-network/functions/gettasks"
	"github.com/BlockRunAI/worker-network/functions/linkwallet"
	"github.com/BlockRunAI/worker-network/functions/processpayout"
	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/functions/refreshreputation"
	"github.com/BlockRunAI/worker-network/functions/submitresults"
	"github.com/BlockRunAI/worker-network/functions/sweep"
	"github.com/BlockRunAI/worker-network/functions/workerstatus"
)

func init() {
	functions.HTTP("GetTasks", gettasks.Handler())
	functions.HTTP("SubmitResults", submitresults.Handler())
	functions.HTTP("ProcessPayout", processpayout.Handler())
	functions.HTTP("RefreshReputation", refreshreputation.Handler())
	functions.HTTP("Sweep", sweep.Handler())
	functions.HTTP("Reconcile", reconcile.Handler())
	functions.HTTP("WorkerStatus", workerstatus.Handler())
	functions.HTTP("LinkWallet", linkwallet.Handler())
}
