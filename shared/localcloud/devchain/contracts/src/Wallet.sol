// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A wallet with code, for the tests: it accepts (ERC-1271) the ECDSA
/// signatures of its owner, the address in its storage slot 0. An account that
/// delegates to it (EIP-7702) has no owner, so nothing is good for it.
contract Wallet {
    address public owner;

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return signer != address(0) && signer == owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }

    receive() external payable {}
}
