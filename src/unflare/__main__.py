from unflare.commands import main

main()
