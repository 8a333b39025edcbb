//go:build !one_function || workerstatus

package deployed

import "github.com/BlockRunAI/worker-network/functions/workerstatus"

func init() { handlers["WorkerStatus"] = workerstatus.Handler() }
