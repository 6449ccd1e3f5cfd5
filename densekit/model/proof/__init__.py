"""What proves and explains the network: parity with torchvision, planted bugs, ledgers and tables."""
