//go:build !one_function || reconcile

package deployed

import "github.com/BlockRunAI/worker-network/functions/reconcile"

func init() { handlers["Reconcile"] = reconcile.Handler() }
