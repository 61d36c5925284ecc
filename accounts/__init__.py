"""People, their credentials, their accounts and transfers. auctions and markets build on this package.

To read: models, selectors (queries), services (opening a user account), then acting (who acts; how a page sends a
command), forms and views. Sign-in: authentication, tokens, provider (OpenID Connect), sudo, demo.
money converts amounts. rest/ and console/ are the bases of every REST view and console page; api, serializers,
operations and admin use them for accounts.
Never write Account, Ownership or Transfer: send a command (acting.carry_out). Never name auctions or markets.
"""
