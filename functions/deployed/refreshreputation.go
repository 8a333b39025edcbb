//go:build !one_function || refreshreputation

package deployed

import "github.com/BlockRunAI/worker-network/functions/refreshreputation"

func init() { handlers["RefreshReputation"] = refreshreputation.Handler() }
