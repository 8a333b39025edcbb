package signer

import (
	"context"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const keyVersion = "projects/p/locations/us-east1/keyRings/r/cryptoKeys/treasury/cryptoKeyVersions/1"

// fakeKMS answers as Cloud KMS does for a secp256k1 key; the callbacks spoil
// an answer on its way out.
type fakeKMS struct {
	kmspb.UnimplementedKeyManagementServiceServer
	key    *KeySigner
	pub    func(*kmspb.PublicKey) error
	sign   func(*kmspb.AsymmetricSignResponse) error
	highS  bool
	asked  *kmspb.AsymmetricSignRequest
	hidden error // answers every call
}

func (f *fakeKMS) GetPublicKey(_ context.Context, r *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	if f.hidden != nil {
		return nil, f.hidden
	}
	text := spkiPEM(crypto.FromECDSAPub(&f.key.key.PublicKey), oidECPublicKey, oidSecp256k1)
	answer := &kmspb.PublicKey{
		Name:            r.GetName(),
		Pem:             text,
		PemCrc32C:       checksum([]byte(text)),
		Algorithm:       kmspb.CryptoKeyVersion_EC_SIGN_SECP256K1_SHA256,
		ProtectionLevel: kmspb.ProtectionLevel_HSM,
	}
	if f.pub != nil {
		return answer, f.pub(answer)
	}
	return answer, nil
}

func (f *fakeKMS) AsymmetricSign(ctx context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	f.asked = r
	if f.hidden != nil {
		return nil, f.hidden
	}
	digest := r.GetDigest().GetSha256()
	if len(digest) != 32 || !checks(digest, r.GetDigestCrc32C()) {
		return nil, status.Error(codes.InvalidArgument, "digest or checksum wrong")
	}
	sig, err := f.key.SignHash(ctx, common.BytesToHash(digest))
	if err != nil {
		return nil, err
	}
	s := new(big.Int).SetBytes(sig[32:64])
	if f.highS {
		s.Sub(crypto.S256().Params().N, s)
	}
	der := derSignature(new(big.Int).SetBytes(sig[:32]), s)
	answer := &kmspb.AsymmetricSignResponse{
		Name:                 r.GetName(),
		Signature:            der,
		SignatureCrc32C:      checksum(der),
		VerifiedDigestCrc32C: true,
		ProtectionLevel:      kmspb.ProtectionLevel_HSM,
	}
	if f.sign != nil {
		return answer, f.sign(answer)
	}
	return answer, nil
}

func derSignature(r, s *big.Int) []byte {
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		panic(err)
	}
	return der
}

func spkiPEM(point []byte, algorithm, curve asn1.ObjectIdentifier) string {
	type identifier struct{ Algorithm, Curve asn1.ObjectIdentifier }
	der, err := asn1.Marshal(struct {
		ID  identifier
		Key asn1.BitString
	}{identifier{algorithm, curve}, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// dial serves f over gRPC and returns the real client of Cloud KMS for it.
func dial(t *testing.T, f *fakeKMS) *kms.KeyManagementClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kms.NewKeyManagementClient(t.Context(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestKMSSigns(t *testing.T) {
	for name, highS := range map[string]bool{"low s": false, "high s": true} {
		t.Run(name, func(t *testing.T) {
			f := &fakeKMS{key: mustKey(t), highS: highS}
			s, err := NewKMS(t.Context(), dial(t, f), keyVersion)
			if err != nil {
				t.Fatal(err)
			}
			if s.Address() != common.HexToAddress(testAddress) {
				t.Errorf("address %s, want %s", s.Address(), testAddress)
			}
			for i := range 20 { // both values of v turn up
				hash := crypto.Keccak256Hash([]byte{byte(i)})
				sig, err := s.SignHash(t.Context(), hash)
				if err != nil {
					t.Fatal(err)
				}
				checkSignature(t, s.Address(), hash, sig)
				if got := f.asked.GetDigest().GetSha256(); string(got) != string(hash[:]) {
					t.Errorf("digest sent %x, want %s", got, hash)
				}
			}
		})
	}
}

func TestKMSRefusesPublicKeys(t *testing.T) {
	point := crypto.FromECDSAPub(&mustKey(t).key.PublicKey)
	oidP256 := asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	withPEM := func(text string) func(*kmspb.PublicKey) error {
		return func(k *kmspb.PublicKey) error {
			k.Pem, k.PemCrc32C = text, checksum([]byte(text))
			return nil
		}
	}
	offCurve := append([]byte{}, point...)
	offCurve[64] ^= 1
	for name, tt := range map[string]struct {
		pub  func(*kmspb.PublicKey) error
		want error
	}{
		"corrupted key":  {func(k *kmspb.PublicKey) error { k.Pem = strings.Replace(k.Pem, "M", "N", 1); return nil }, ErrCorrupted},
		"wrong checksum": {func(k *kmspb.PublicKey) error { k.PemCrc32C = wrapperspb.Int64(k.PemCrc32C.Value ^ 1); return nil }, ErrCorrupted},
		"no checksum":    {func(k *kmspb.PublicKey) error { k.PemCrc32C = nil; return nil }, ErrCorrupted},
		"another key":    {func(k *kmspb.PublicKey) error { k.Name += "0"; return nil }, ErrCorrupted},
		"wrong algorithm": {func(k *kmspb.PublicKey) error {
			k.Algorithm = kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256
			return nil
		}, ErrWrongKey},
		"wrong curve":     {withPEM(spkiPEM(point, oidECPublicKey, oidP256)), ErrWrongKey},
		"not elliptic":    {withPEM(spkiPEM(point, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, oidSecp256k1)), ErrWrongKey},
		"off the curve":   {withPEM(spkiPEM(offCurve, oidECPublicKey, oidSecp256k1)), ErrWrongKey},
		"compressed":      {withPEM(spkiPEM(crypto.CompressPubkey(&mustKey(t).key.PublicKey), oidECPublicKey, oidSecp256k1)), ErrWrongKey},
		"no PEM":          {withPEM("not a key"), ErrWrongKey},
		"a private key":   {withPEM("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"), ErrWrongKey},
		"no ASN.1 inside": {withPEM("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), ErrWrongKey},
		"disabled": {func(*kmspb.PublicKey) error {
			return status.Error(codes.FailedPrecondition, "key version is not enabled, current state is: DISABLED")
		}, ErrDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewKMS(t.Context(), dial(t, &fakeKMS{key: mustKey(t), pub: tt.pub}), keyVersion)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, %v; want %v", s, err, tt.want)
			}
		})
	}
}

func TestKMSRefusesSignatures(t *testing.T) {
	order := crypto.S256().Params().N
	withSignature := func(der []byte) func(*kmspb.AsymmetricSignResponse) error {
		return func(a *kmspb.AsymmetricSignResponse) error {
			a.Signature, a.SignatureCrc32C = der, checksum(der)
			return nil
		}
	}
	one := big.NewInt(1)
	for name, tt := range map[string]struct {
		sign func(*kmspb.AsymmetricSignResponse) error
		want error
	}{
		"corrupted signature": {func(a *kmspb.AsymmetricSignResponse) error { a.Signature[20] ^= 1; return nil }, ErrCorrupted},
		"no checksum":         {func(a *kmspb.AsymmetricSignResponse) error { a.SignatureCrc32C = nil; return nil }, ErrCorrupted},
		"digest not verified": {func(a *kmspb.AsymmetricSignResponse) error { a.VerifiedDigestCrc32C = false; return nil }, ErrCorrupted},
		"another key":         {func(a *kmspb.AsymmetricSignResponse) error { a.Name += "0"; return nil }, ErrCorrupted},
		"of another digest":   {withSignature(derSignature(one, one)), ErrCorrupted},
		"r zero":              {withSignature(derSignature(new(big.Int), one)), ErrCorrupted},
		"s negative":          {withSignature(derSignature(one, big.NewInt(-1))), ErrCorrupted},
		"s the order":         {withSignature(derSignature(one, order)), ErrCorrupted},
		"no DER":              {withSignature([]byte("no DER")), ErrCorrupted},
		"empty":               {withSignature(nil), ErrCorrupted},
		"bytes after it":      {withSignature(append(derSignature(one, one), 0)), ErrCorrupted},
		"disabled": {func(*kmspb.AsymmetricSignResponse) error {
			return status.Error(codes.FailedPrecondition, "key version is not enabled, current state is: DISABLED")
		}, ErrDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewKMS(t.Context(), dial(t, &fakeKMS{key: mustKey(t), sign: tt.sign}), keyVersion)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := s.SignHash(t.Context(), common.Hash{7})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %x, %v; want %v", sig, err, tt.want)
			}
		})
	}
}

// An answer that is lost or denied is an error, never a signature.
func TestKMSAway(t *testing.T) {
	f := &fakeKMS{key: mustKey(t)}
	s, err := NewKMS(t.Context(), dial(t, f), keyVersion)
	if err != nil {
		t.Fatal(err)
	}
	f.hidden = status.Error(codes.PermissionDenied, "no cloudkms.cryptoKeyVersions.useToSign")
	if sig, err := s.SignHash(t.Context(), common.Hash{7}); status.Code(errors.Unwrap(err)) != codes.PermissionDenied {
		t.Errorf("got %x, %v", sig, err)
	}
	if _, err := NewKMS(t.Context(), dial(t, f), keyVersion); err == nil || !strings.Contains(err.Error(), keyVersion) {
		t.Errorf("the error should name the key: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.SignHash(ctx, common.Hash{7}); err == nil {
		t.Error("signed for a cancelled context")
	}
}
