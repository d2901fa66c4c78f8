drop table logferry.model_prices;
