// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Stands at the token's address and runs the implementation's code on its own
/// storage, with the two storage slots and the reads of Circle's proxy. Both
/// slots are written by the genesis block; the admin may do nothing here.
contract Proxy {
    bytes32 private constant IMPLEMENTATION_SLOT = keccak256("org.zeppelinos.proxy.implementation");
    bytes32 private constant ADMIN_SLOT = keccak256("org.zeppelinos.proxy.admin");

    fallback() external payable {
        bytes32 slot = ADMIN_SLOT;
        address admin;
        assembly {
            admin := sload(slot)
        }
        require(msg.sender != admin, "Cannot call fallback function from the proxy admin");
        slot = IMPLEMENTATION_SLOT;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(slot), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}
