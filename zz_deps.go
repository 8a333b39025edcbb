//go:build deps

package workernetwork

import (
	_ "cloud.google.com/go/kms/apiv1"
	_ "cloud.google.com/go/pubsub/v2"
	_ "cloud.google.com/go/pubsub/v2/pstest"
	_ "cloud.google.com/go/spanner"
	_ "cloud.google.com/go/spanner/admin/database/apiv1"
	_ "cloud.google.com/go/spanner/admin/instance/apiv1"
	_ "cloud.google.com/go/storage"
	_ "code.dny.dev/ssrf"
	_ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/GoogleCloudPlatform/functions-framework-go/functions"
	_ "github.com/alecthomas/kong"
	_ "github.com/cloudevents/sdk-go/v2/event"
	_ "github.com/cloudspannerecosystem/memefish"
	_ "github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	_ "github.com/ethereum/go-ethereum/ethclient"
	_ "github.com/ethereum/go-ethereum/ethclient/simulated"
	_ "github.com/ethereum/go-ethereum/rpc"
	_ "github.com/fsouza/fake-gcs-server/fakestorage"
	_ "github.com/golang-jwt/jwt/v5"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/sethvargo/go-envconfig"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/term"
)
