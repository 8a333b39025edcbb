package spannerdb_test

import (
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

func TestMain(m *testing.M) { spannertest.Main(m) }
